import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertAllHandled, runDeadly } from '../support/deadly-group.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, Ledger, type LedgerEntry } from '../support/ledger.ts'
import { handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

const RECORDS = 4_000
const THREADS = 3

/** The first record of a key that began before an earlier one of the same key and claim, or null. */
function firstDisorderOfKey(entries: readonly LedgerEntry[]): string | null {
  const last = new Map<string, number>()
  for (const { key, offset, epoch } of entries) {
    const name = `${key}@${epoch}`
    if (offset <= (last.get(name) ?? -1)) return `${key}: ${offset} after ${last.get(name)}`
    last.set(name, offset)
  }
  return null
}

describe('a partition', () => {
  for (const ordering of ['key', 'none'] as const)
    it(`is worked off by all threads in ${ordering} order, each record once`, async t => {
      const topic = await createTopic(t, { partitions: 1 })
      const groupId = uniqueGroup()
      const ledger = new Ledger(t)
      await produceKeyed(topic, RECORDS)
      const group = await runMember(t, ledger.handler({ burnMs: 0.2 }), {
        ...{ groupId, topics: [topic], zookeeper: sharedStack().zookeeper },
        ...{ threads: THREADS, ordering },
      })
      await handled(group, RECORDS)
      const [status] = group.status().partitions
      assert.equal(status!.lanes, ordering === 'key' ? 64 : 1)
      assert.deepEqual(status!.ring!.lanes.length, status!.lanes)
      await eventually(() => group.status().partitions[0]!.ring!.bytes === 0) // all of it is finished
      await group.stop()

      const entries = ledger.read()
      assert.equal(new Set(entries.map(({ threadId }) => threadId)).size, THREADS)
      assert.deepEqual([countByRecord(entries).size, entries.length], [RECORDS, RECORDS])
      if (ordering === 'key') assert.equal(firstDisorderOfKey(entries), null)
      assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
    })

  for (const ordering of ['key', 'none'] as const)
    it(`loses and repeats nothing in ${ordering} order when a record ends its thread, which is replaced`, async t => {
      const deaths = await runDeadly(t, { '1/5': 'exit:2' }, { ordering })
      await assertAllHandled(deaths, { '1/5': 3 })
      assert.deepEqual(deaths.failures, ['1/5 1 HANDLER_KILLED_THREAD', '1/5 2 HANDLER_KILLED_THREAD'])
    })

  it('runs again alone each of several records that one thread had in hand when it died', async t => {
    const deaths = await runDeadly(
      t,
      { '0/5': 'exit-later:2:300', '1/5': 'wait:2:400' },
      { ordering: 'none', threads: 1, concurrency: 4 },
    )
    await assertAllHandled(deaths, { '0/5': 3, '1/5': 2 })
    assert.deepEqual(deaths.failures, ['0/5 1 HANDLER_KILLED_THREAD'])
    assert.match(deaths.errors[0]!.message, /one of .*did it/)
  })

  it('ends the thread that a record blocks for too long, and runs it again', async t => {
    const deaths = await runDeadly(t, { '0/5': 'block:1' }, { ordering: 'key', handlerTimeoutMs: 500 })
    await assertAllHandled(deaths, { '0/5': 2 })
    assert.deepEqual(deaths.failures, ['0/5 1 HANDLER_TIMEOUT'])
  })

  it('stops with its claim kept when the attempts of a record are used up, and others go on', async t => {
    const deaths = await runDeadly(t, { '1/5': 'exit:1' }, { ordering: 'key', retry: { attempts: 1 } })
    const { group, handler, groupId, topic } = deaths
    const stateOf = (partition: number): string =>
      group.status().partitions.find(one => one.partition === partition)!.state
    await eventually(() => stateOf(1) === 'failed', { deadlineMs: 30_000 })
    await eventually(() => [0, 2, 3].every(partition => handler.ends()[`${partition}/19`] === 1))
    const status = group.status().partitions.find(one => one.partition === 1)!
    assert.deepEqual([status.failure?.code, status.waitsFor], ['HANDLER_KILLED_THREAD', 'failed'])
    await group.stop()
    assert.equal(handler.starts()['1/5'], 1)
    assert.equal((await readOffsets(groupId, topic))[1], 5)
  })
})
