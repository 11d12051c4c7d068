import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'

const RECORDS = 2_000
const SLEEP_MS = 100

describe('async handlers of one partition', () => {
  for (const ordering of ['key', 'none'] as const)
    it(`overlap as far as their concurrency lets them, each record once: ${ordering}`, async t => {
      const topic = await createTopic(t)
      const messages = Array.from({ length: RECORDS }, (_, number) => ({
        key: `key-${number % 500}`,
        value: String(number),
      }))
      await produce(topic, messages)
      const ledger = new Ledger(t)
      const group = await runMember(t, ledger.handler({ sleepMs: SLEEP_MS }), {
        groupId: uniqueGroup(),
        topics: [topic],
        zookeeper: sharedStack().zookeeper,
        ordering,
        concurrency: 200,
      })
      await eventually(() => group.status().partitions[0]?.committable === BigInt(RECORDS), {
        deadlineMs: 60_000,
      })
      const entries = ledger.read()
      assert.equal(countByRecord(entries).size, RECORDS)
      assert.equal(entries.length, RECORDS)
      const most = mostAtOnce(entries.map(({ startMs }) => startMs))
      assert.ok(most > 100 && most <= 200, `${most} at once`)
      if (ordering === 'key') assert.equal(overlapOfAKey(entries), null)
    })
})

/** Each is under way for at least SLEEP_MS. */
function mostAtOnce(starts: readonly number[]): number {
  const sorted = [...starts].sort((a, b) => a - b)
  let from = 0
  return sorted.reduce((most, startMs, index) => {
    while (sorted[from]! < startMs - SLEEP_MS + 1) from += 1
    return Math.max(most, index - from + 1)
  }, 0)
}

function overlapOfAKey(
  entries: readonly { readonly key: string; readonly startMs: number; readonly offset: number }[],
): string | null {
  const last = new Map<string, { startMs: number; offset: number }>()
  for (const { key, startMs, offset } of entries) {
    const before = last.get(key)
    if (before !== undefined && (startMs - before.startMs < SLEEP_MS - 1 || offset < before.offset))
      return `${key}: ${offset} began ${startMs - before.startMs} ms after ${before.offset}`
    last.set(key, { startMs, offset })
  }
  return null
}
