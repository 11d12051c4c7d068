import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { Ledger, countByRecord, firstDisorder, type LedgerEntry } from '../support/ledger.ts'
import { handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

const RECORDS = 1_200
const THREADS = 2
const PARTITIONS = 4

/** Threads that handled records of one claim of one partition, in their order. */
function threadsOf(entries: readonly LedgerEntry[], partition: number): number[] {
  const threads = entries.filter(entry => entry.partition === partition).map(entry => entry.threadId)
  return threads.filter((thread, index) => thread !== threads[index - 1])
}

describe('a lane moves to an idle thread', () => {
  it('when its own has work for two, within one claim, in order, each record exactly once', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const groupId = uniqueGroup()
    const ledger = new Ledger(t)
    const group = await runMember(t, ledger.handler({ burnMs: 2 }), {
      groupId,
      topics: [topic],
      zookeeper: sharedStack().zookeeper,
      threads: THREADS,
    })
    const { partitions } = group.status()
    const together = partitions.filter(one => one.threadId === partitions[0]!.threadId)
    assert.equal(together.length, PARTITIONS / THREADS)
    const loaded = together.map(one => one.partition)
    for (const partition of loaded) {
      const messages = Array.from({ length: RECORDS }, (_, number) => ({
        partition,
        value: `value ${number}`,
      }))
      await produce(topic, messages)
    }
    await handled(group, RECORDS * loaded.length)
    await group.stop()

    const entries = ledger.read()
    const moves = loaded.map(partition => threadsOf(entries, partition))
    assert.ok(
      moves.some(threads => threads.length > 1),
      `no lane moved: ${JSON.stringify(moves)}`,
    )
    for (const partition of loaded) {
      const epochs = new Set(entries.filter(one => one.partition === partition).map(one => one.epoch))
      assert.equal(epochs.size, 1)
    }
    assert.equal(firstDisorder(entries), null)
    assert.equal(entries.length, RECORDS * loaded.length)
    assert.equal(countByRecord(entries).size, RECORDS * loaded.length)
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
  })
})
