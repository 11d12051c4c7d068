import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createTopic, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, firstDisorder, Ledger } from '../support/ledger.ts'
import { sharedStack } from '../support/stack.ts'
import { SteadyLoad } from '../support/steady-load.ts'
import { stopUnderChange } from '../support/stop-under-change.ts'

const TRIES = 10
const WITHIN_MS = 300
const PARTITIONS = 12
const STOP_DEADLINE_MS = 5000
const UNOWNED_MS = 150

describe('SIGTERM 0 to 300 ms after another member came, went or was lost', () => {
  it('ends a member with code 0 within its deadline, leaves no partition unowned for more than 150 ms, and loses nothing', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const ledger = new Ledger(t)
    const load = await SteadyLoad.start(t, topic, { partitions: PARTITIONS, recordsPerSecond: 20 })
    const tries = await stopUnderChange(t, {
      tries: TRIES,
      withinMs: WITHIN_MS,
      partitions: PARTITIONS,
      handler: ledger.handler({ burnMs: 0.5, sleepMs: 4.5 }),
      group: {
        groupId: uniqueGroup(),
        topics: [topic],
        zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: 2000 },
        threads: 1,
        offsetReset: 'earliest',
        stopTimeoutMs: STOP_DEADLINE_MS,
      },
    })
    for (const { change, delayMs, exit, tookMs, unownedMs } of tries)
      t.diagnostic(
        `${delayMs.toFixed(0)} ms after a ${change}: exit ${exit} after ${tookMs} ms, unowned ${unownedMs} ms`,
      )
    assert.deepEqual(new Set(tries.map(({ exit }) => exit)), new Set([0]))
    assert.ok(Math.max(...tries.map(({ tookMs }) => tookMs)) < STOP_DEADLINE_MS)
    assert.ok(Math.max(...tries.map(({ unownedMs }) => unownedMs)) <= UNOWNED_MS)
    const produced = await load.stop()
    await eventually(() => countByRecord(ledger.read()).size === produced)
    assert.equal(firstDisorder(ledger.read()), null)
  })
})
