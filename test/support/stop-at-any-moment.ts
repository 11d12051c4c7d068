import assert from 'node:assert/strict'
import { unlessBelow } from './bounds.ts'
import type { Owner } from './cleanup.ts'
import { eventually } from './eventually.ts'
import { createTopic, uniqueGroup } from './kafka.ts'
import { countByRecord, firstDisorder, Ledger } from './ledger.ts'
import { sharedStack } from './stack.ts'
import { SteadyLoad } from './steady-load.ts'
import { stopUnderChange } from './stop-under-change.ts'

const WITHIN_MS = 300
const PARTITIONS = 12
const STOP_DEADLINE_MS = 5000
const UNOWNED_MS = 150

/**
 * Members get SIGTERM 0 to 300 ms after another one came, went or was lost, again and again. Rejects unless each exits with
 * code 0 within its deadline, and nothing is lost or out of order. Answers which partitions were unowned for too long.
 */
export async function stopAtAnyMoment(
  owner: Owner,
  tries: number,
  tell: (text: string) => void,
): Promise<readonly string[]> {
  const topic = await createTopic({ name: 'stop at any moment' }, { partitions: PARTITIONS })
  const ledger = new Ledger(owner)
  const load = await SteadyLoad.start(owner, topic, { partitions: PARTITIONS, recordsPerSecond: 20 })
  const tried = await stopUnderChange(owner, {
    tries,
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
  for (const { change, delayMs, exit, tookMs, unownedMs } of tried)
    tell(
      `${delayMs.toFixed(0)} ms after a ${change}: exit ${exit} after ${tookMs} ms, unowned ${unownedMs} ms`,
    )
  assert.deepEqual(new Set(tried.map(({ exit }) => exit)), new Set([0]))
  assert.ok(Math.max(...tried.map(({ tookMs }) => tookMs)) < STOP_DEADLINE_MS)
  const produced = await load.stop()
  await eventually(() => countByRecord(ledger.read()).size === produced)
  assert.equal(firstDisorder(ledger.read()), null)
  return tried.flatMap(({ unownedMs, change, delayMs }) =>
    unlessBelow(`unowned ${delayMs.toFixed(0)} ms after a ${change}`, unownedMs, UNOWNED_MS),
  )
}
