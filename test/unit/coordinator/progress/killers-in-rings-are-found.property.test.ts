import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { liveInRing } from '../../../support/careful-ring-lives.ts'

const ATTEMPTS = 3
const RECORDS = 40

const logs = fc.record({
  killer: fc.nat(RECORDS - 1),
  isSlow: fc.boolean(),
  hanging: fc.array(fc.nat(RECORDS - 1), { maxLength: 3 }),
  places: fc.integer({ min: 1, max: 6 }),
  choices: fc.infiniteStream(fc.nat(1_000)),
})

describe('a record that kills its process in a ring', () => {
  it('is found, and no other is blamed, whatever hangs: all that runs at a death is stored before', () => {
    fc.assert(
      fc.property(logs, ({ killer, isSlow, hanging, places, choices }) => {
        const log = {
          ...{ records: RECORDS, killer, isSlow, places },
          hanging: new Set(hanging.filter(offset => offset !== killer)),
          choose: (below: number): number => (below === 0 ? 0 : choices.next().value! % below),
        }
        const { deaths, blamed } = liveInRing(log, ATTEMPTS)
        assert.equal(blamed, killer)
        const most = log.hanging.size === 0 ? ATTEMPTS : ATTEMPTS + 1
        assert.ok(deaths >= ATTEMPTS && deaths <= most, `${deaths} deaths`)
      }),
      { numRuns: 2_000 },
    )
  })
})
