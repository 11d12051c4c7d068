import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Group, RunGroupOptions } from '#src/index.js'
import { Attempts, byRecord } from '../support/attempts.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { readTopic } from '../support/read-topic.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { statusText } from '../support/status-text.ts'
import { readOffsets } from '../support/zookeeper.ts'

const ATTEMPTS = 3

interface Rig {
  readonly group: Group
  readonly topic: string
  readonly groupId: string
  readonly attempts: Attempts
}

async function start(
  t: TestContext,
  keys: readonly string[],
  options: Partial<RunGroupOptions>,
): Promise<Rig> {
  const topic = await createTopic(t)
  await produce(
    topic,
    keys.map(key => ({ key, value: key })),
  )
  const attempts = new Attempts(t)
  const groupId = uniqueGroup()
  const group = await runMember(t, attempts.handler(), {
    groupId,
    topics: [topic],
    zookeeper: sharedStack().zookeeper,
    ordering: 'key',
    commit: { intervalMs: 200 },
    retry: { attempts: ATTEMPTS, backoffMs: 10, maxBackoffMs: 10 },
    onFailure: 'dead-letter',
    ...options,
  })
  return { group, topic, groupId, attempts }
}

async function atEnd({ group, topic, groupId }: Rig): Promise<void> {
  const [end] = await endOffsets(topic)
  await eventually(() => group.status().partitions[0]?.committable === BigInt(end!), {
    deadlineMs: 60_000,
    message: () => statusText(group),
  })
  await group.stop()
  assert.deepEqual(await readOffsets(groupId, topic), [end])
}

describe('failures in key and none order', () => {
  for (const ordering of ['key', 'none'] as const)
    it(`end as they do in partition order, each record as often as it should be: ${ordering}`, async t => {
      const kinds = ['fail-1', 'twice-2', 'kill-3', 'block-4', 'slow-5', 'ok-6']
      const keys = Array.from({ length: 600 }, (_, number) =>
        number % 100 === 50 ? kinds[Math.floor(number / 100)]! : `ok-${number}`,
      )
      const rig = await start(t, keys, { ordering, handlerTimeoutMs: 500 })
      await atEnd(rig)
      const starts = byRecord(rig.attempts.read())
      const counts = keys.map((key, offset) => [key, starts.get(`0/${offset}`)?.length])
      const kindOf = (key: string): string => key.split('-')[0]!
      const expected: Record<string, number> = {
        ok: 1,
        slow: 1,
        fail: ATTEMPTS,
        twice: ATTEMPTS,
        kill: ATTEMPTS,
        block: ATTEMPTS,
      }
      assert.deepEqual(
        counts,
        keys.map(key => [key, expected[kindOf(key)]]),
      )
      const letters = (await readTopic(`${rig.groupId}.dead-letters`)).flat()
      assert.deepEqual(letters.map(({ key }) => String(key)).sort(), ['block-4', 'fail-1', 'kill-3'])
    })

  it('hold what has the same key, and nothing else', async t => {
    const keys = ['fail-1', 'fail-1', ...Array.from({ length: 500 }, (_, number) => `ok-${number}`)]
    const retry = { attempts: 2, backoffMs: 60_000, maxBackoffMs: 60_000, jitter: 0 }
    const { group, attempts } = await start(t, keys, { retry })
    await eventually(() => attempts.read().length === 501, {
      deadlineMs: 30_000,
      message: () => statusText(group),
    })
    const [status] = group.status().partitions
    assert.deepEqual(attempts.of(0, 0), [1])
    assert.deepEqual(attempts.of(0, 1), [], 'it waits for the one before')
    assert.equal(status!.committable, 0n)
    assert.equal(status!.retry?.offset, 0n)
  })

  it('stop their partition at the record, which a restart goes on with', async t => {
    const keys = ['ok-1', 'fail-2', ...Array.from({ length: 200 }, (_, number) => `ok-${number}`)]
    const { group, topic, groupId, attempts } = await start(t, keys, { onFailure: 'stop' })
    await eventually(() => group.status().partitions[0]?.state === 'failed', {
      deadlineMs: 30_000,
      message: () => statusText(group),
    })
    await group.stop()
    assert.deepEqual(await readOffsets(groupId, topic), [1])
    const before = attempts.read().length
    const fixed = await runMember(t, attempts.handler({ fixed: true }), {
      ...{ groupId, topics: [topic], zookeeper: sharedStack().zookeeper, ordering: 'key' },
    })
    await atEnd({ group: fixed, topic, groupId, attempts })
    const all = byRecord(attempts.read())
    assert.equal(all.size, keys.length)
    assert.deepEqual(attempts.of(0, 1), [1, 2, 3, 1])
    assert.equal(attempts.read().length, keys.length + 3, `${before} before`)
  })
})
