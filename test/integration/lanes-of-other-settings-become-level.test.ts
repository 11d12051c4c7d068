import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group, RunGroupOptions } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produce, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, Ledger } from '../support/ledger.ts'
import { errorsOf, handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { statusText } from '../support/status-text.ts'
import { readOffsets } from '../support/zookeeper.ts'

const RECORDS = 3_000
const PARTITIONS = 4
const STUCK = 'stuck'
/** Longer than the change takes, and less than what makes the thread be ended. */
const BLOCK_MS = 9_500

const SETTINGS: readonly Pick<RunGroupOptions, 'ordering' | 'lanesPerPartition'>[] = [
  { ordering: 'key', lanesPerPartition: 16 },
  { ordering: 'key', lanesPerPartition: 5 },
  { ordering: 'none' },
  { ordering: 'partition' },
  { ordering: 'key' },
]

describe('a member with another order, or other lanes', () => {
  it('goes on where the one before it has stopped amid its lanes: nothing is lost or repeated', async t => {
    const topic = await createTopic(t, { partitions: 1 })
    const groupId = uniqueGroup()
    const ledger = new Ledger(t)
    await produceKeyed(topic, RECORDS * SETTINGS.length)
    for (const [index, settings] of SETTINGS.entries()) {
      const group = await runMember(t, ledger.handler({ burnMs: 0.2 }), {
        ...{ groupId, topics: [topic], zookeeper: sharedStack().zookeeper },
        ...settings,
      })
      const errors = errorsOf(group)
      const isLast = index === SETTINGS.length - 1
      if (isLast) await eventually(() => ledger.count >= RECORDS * SETTINGS.length, { deadlineMs: 60_000 })
      else await handled(group, RECORDS)
      const [status] = group.status().partitions
      const lanes = settings.ordering === 'key' ? (settings.lanesPerPartition ?? 64) : 1
      const isRing = settings.ordering !== 'partition'
      assert.deepEqual([status!.lanes, status!.ring !== null], [lanes, isRing], 'by then they are its own')
      if (lanes > 1 && !isLast) assert.ok(status!.ring!.spread > 0, 'it stops amid its lanes')
      await group.stop()
      assert.deepEqual(errors, [])
    }
    const entries = ledger.read()
    assert.deepEqual(
      [countByRecord(entries).size, entries.length],
      [RECORDS * SETTINGS.length, RECORDS * SETTINGS.length],
    )
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
  })

  it('may run beside others: partitions that go to and fro between them lose and repeat nothing', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const groupId = uniqueGroup()
    const ledger = new Ledger(t)
    const total = RECORDS * SETTINGS.length
    await produceKeyed(topic, total)
    const join = (settings: Partial<RunGroupOptions>): Promise<Group> =>
      runMember(t, ledger.handler({ burnMs: 0.2 }), {
        ...{ groupId, topics: [topic], zookeeper: sharedStack().zookeeper, threads: 1 },
        ...settings,
      })
    const stayer = await join({ ordering: 'none' })
    const errors = errorsOf(stayer)
    for (const [index, settings] of SETTINGS.entries()) {
      const visitor = await join(settings)
      await handled(visitor, 100)
      assert.ok(stayer.status().partitions.length < PARTITIONS, `they share: ${index}`)
      await visitor.stop()
    }
    await eventually(() => ledger.count >= total, { deadlineMs: 60_000 })
    await stayer.stop()
    const entries = ledger.read()
    assert.deepEqual([countByRecord(entries).size, entries.length, errors], [total, total, []])
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
  })

  it('goes on with its own although a handler never settles at the level point: that alone is cut, and handled again', async t => {
    const topic = await createTopic(t, { partitions: 1 })
    const groupId = uniqueGroup()
    const ledger = new Ledger(t)
    await produce(topic, [{ key: STUCK, value: 'never settles' }])
    await produceKeyed(topic, RECORDS * 2)
    const member = (lanesPerPartition: number): Promise<Group> =>
      runMember(t, ledger.handler({ burnMs: 0.2, ignoreKey: STUCK }), {
        ...{ groupId, topics: [topic], zookeeper: sharedStack().zookeeper },
        ...{ ordering: 'key', lanesPerPartition, concurrency: 4, stopTimeoutMs: 1_500 },
      })
    const first = await member(16)
    await handled(first, RECORDS)
    assert.ok(first.status().partitions[0]!.ring!.spread > 0, 'it stops amid its lanes')
    await first.stop()

    const second = await member(5)
    const errors = errorsOf(second)
    const status = (): ReturnType<Group['status']>['partitions'][number] => second.status().partitions[0]!
    await eventually(() => status().waitsFor === 'level' || errors.length > 0, { deadlineMs: 30_000 })
    assert.equal(status().lanes, 16)
    await eventually(() => status().lanes === 5 && ledger.count === 2 * RECORDS + 3, {
      deadlineMs: 60_000,
      message: () => `${ledger.count} handled; ${statusText(second)}`,
    })
    const [cut, ...others] = errors.map(({ code, details }) => [code, details['offset']])
    assert.deepEqual([cut, others], [['HANDLER_CUT', 0], []])
    const counts = countByRecord(ledger.read())
    assert.equal(counts.get('0/0'), 3, 'by the first member, before the level point, and after it')
    counts.delete('0/0')
    assert.ok([...counts.values()].every(count => count === 1))
    assert.equal(counts.size, 2 * RECORDS)
  })

  it('goes on with its own while the handler of another partition blocks one of its threads', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    const groupId = uniqueGroup()
    const ledger = new Ledger(t)
    const total = RECORDS * 2
    await produce(topic, keyedRecords(total, 0))
    const member = (lanesPerPartition: number): Promise<Group> =>
      runMember(t, ledger.handler({ burnMs: 0.3, block: `1:0:${BLOCK_MS}` }), {
        ...{ groupId, topics: [topic], zookeeper: sharedStack().zookeeper },
        ...{ ordering: 'key', lanesPerPartition },
      })
    const first = await member(16)
    await handled(first, RECORDS)
    await first.stop()

    await produce(topic, keyedRecords(1, 1))
    const second = await member(5)
    const errors = errorsOf(second)
    const status = (partition: number): ReturnType<Group['status']>['partitions'][number] =>
      second.status().partitions.find(one => one.partition === partition)!
    await eventually(() => status(0).lanes === 5 && ledger.count === total + 1, {
      deadlineMs: 60_000,
      message: () => statusText(second),
    })
    assert.equal(status(1).oldestInHand?.offset, 0n, 'that handler still blocks its thread')
    await eventually(() => second.status().handled + first.status().handled === total + 1)
    await second.stop()
    const entries = ledger.read()
    assert.deepEqual([countByRecord(entries).size, entries.length, errors], [total + 1, total + 1, []])
    assert.deepEqual(await readOffsets(groupId, topic), [total, 1])
  })
})

function* keyedRecords(
  count: number,
  partition: number,
): Generator<{ partition: number; key: string; value: string }> {
  for (let number = 0; number < count; number += 1)
    yield { partition, key: `key-${number % 1000}`, value: `value ${number}` }
}
