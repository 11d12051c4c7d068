import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { atEnd } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, firstKeyOutOfOrder, Ledger } from '../support/ledger.ts'
import { errorsOf, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { statusText } from '../support/status-text.ts'
import { readOffsets } from '../support/zookeeper.ts'

const THREADS = 2
const KEYS = 300
/** Per death. */
const RECORDS = 5_000
/** Fewer than make the group fail. */
const DEATHS = 3
const STUCK = 'stuck'
const QUICKLY = { deadlineMs: 60_000, intervalMs: 2 }

/** `from` is the number of the first. */
function* records(from: number): Generator<{ partition: number; key: string; value: string }> {
  for (let number = from; number < from + RECORDS; number += 1)
    yield { partition: 0, key: `key-${(number * 7919) % KEYS}`, value: `value ${number}` }
}

describe('a feeder that dies', () => {
  for (const ordering of ['key', 'none'] as const)
    it(`is followed by another one in the same ring while a handler never settles: each record is handled once, in its order: ${ordering}`, async t => {
      const started: Worker[] = []
      const onWorker = (worker: Worker): void => void started.push(worker)
      process.on('worker', onWorker)
      atEnd(t, () => void process.off('worker', onWorker))
      const topic = await createTopic(t, { partitions: 1 })
      const groupId = uniqueGroup()
      const ledger = new Ledger(t)
      const group = await runMember(t, ledger.handler({ ignoreKey: STUCK, burnMs: 0.1 }), {
        ...{ groupId, topics: [topic], zookeeper: sharedStack().zookeeper },
        ...{ ordering, threads: THREADS, concurrency: 2 * THREADS, commit: { intervalMs: 200 } },
        stopTimeoutMs: 2_000,
      })
      const errors = errorsOf(group)
      const message = (): string => `${group.status().handled} handled; ${statusText(group)}`
      await produce(topic, [{ partition: 0, key: STUCK, value: 'never settles' }])
      await eventually(() => ledger.count === 1, QUICKLY)
      for (let death = 0; death < DEATHS; death += 1) {
        const before = group.status().handled
        const sent = produce(topic, records(death * RECORDS))
        await eventually(() => group.status().handled > before + RECORDS / 10, { ...QUICKLY, message })
        assert.ok(group.status().handled < before + RECORDS, 'it dies amid the records')
        await started.at(-1)!.terminate()
        await sent
        await eventually(() => group.status().handled === before + RECORDS, { ...QUICKLY, message })
      }
      await produce(topic, records(DEATHS * RECORDS))
      const count = 1 + (DEATHS + 1) * RECORDS
      await eventually(() => group.status().handled === count - 1, { ...QUICKLY, message })
      assert.deepEqual(
        errors.map(({ code, details }) => [code, details['threadId']]),
        Array.from({ length: DEATHS }, () => ['WORKER_DIED', THREADS]),
        'no other thread than the feeder has died',
      )
      const entries = ledger.read()
      assert.deepEqual([entries.length, countByRecord(entries).size], [count, entries.length])
      if (ordering === 'key') assert.equal(firstKeyOutOfOrder(entries), null)
      await eventually(async () => (await readOffsets(groupId, topic))[0] === 0, QUICKLY)
    })
})
