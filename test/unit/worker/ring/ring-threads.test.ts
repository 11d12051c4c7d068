import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { smallRing } from '../../../support/ring.js'
import { runRingThreads } from '../../../support/ring-threads.js'
import { within } from '../../../support/within.js'

const RECORDS = 200_000
const FEEDER_DEATHS = 8
const DEADLINE_MS = 180_000

describe('a ring between threads', () => {
  for (const ordering of ['key', 'none'] as const)
    for (const inHand of [1, 5])
      it(`hands over each record once, ${inHand} of them in hand of each of two seats in '${ordering}' order`, async () => {
        const frontiers = new Array<number>(ordering === 'key' ? 6 : 1).fill(0)
        const shape = { ordering, slotsPerSeat: 5, indexCapacity: 64, dataBytes: 1600 }
        const memory = smallRing(shape, { frontiers, inHand: [] })
        const run = runRingThreads(memory, RECORDS, inHand)
        const { waitsForRoom, sleeps, readings } = await within(DEADLINE_MS, 'every record is finished', run)
        // Else nothing was tried out.
        assert.ok(
          waitsForRoom > 100 && sleeps > 100 && readings > 100,
          `${waitsForRoom} ${sleeps} ${readings}`,
        )
      })

  for (const ordering of ['key', 'none'] as const)
    it(`hands over each record once though its feeder is ended again and again, in '${ordering}' order`, async () => {
      const frontiers = new Array<number>(ordering === 'key' ? 6 : 1).fill(0)
      const shape = { ordering, slotsPerSeat: 5, indexCapacity: 64, dataBytes: 1600 }
      const memory = smallRing(shape, { frontiers, inHand: [] })
      await within(DEADLINE_MS, 'every record is finished', runRingThreads(memory, RECORDS, 5, FEEDER_DEATHS))
    })
})
