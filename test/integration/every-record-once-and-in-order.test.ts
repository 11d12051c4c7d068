import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.js'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.js'
import { Ledger, countByRecord, firstDisorder } from '../support/ledger.js'
import { handled, runMember } from '../support/running-group.js'
import { sharedStack } from '../support/stack.js'
import { readOffsets } from '../support/zookeeper.js'

const RECORDS = 200_000
const PARTITIONS = 8
const MORE = 1000

/** Every partition has been fetched from and has nothing left: a record too many would have been handled by now. */
async function caughtUp(group: Group): Promise<void> {
  await eventually(() => group.status().partitions.every(({ lag }) => lag === 0))
}

describe('every record once and in order', () => {
  it('handles 200,000 keyed records over 8 partitions exactly once and in partition order, commits the end offsets, and goes on from there', async t => {
    const stack = sharedStack()
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const groupId = uniqueGroup()
    await produceKeyed(topic, RECORDS)
    const ends = await endOffsets(topic)
    const consume = async (expected: number): Promise<Ledger> => {
      const ledger = new Ledger(t)
      const group = await runMember(t, ledger.handler(), {
        groupId,
        topics: [topic],
        zookeeper: stack.zookeeper,
      })
      await handled(group, expected)
      await caughtUp(group)
      await group.stop()
      return ledger
    }

    const first = (await consume(RECORDS)).read()
    assert.equal(first.length, RECORDS)
    assert.equal(countByRecord(first).size, RECORDS)
    assert.equal(firstDisorder(first), null)
    assert.deepEqual(await readOffsets(groupId, topic), ends)

    const second = (await consume(0)).read()
    assert.deepEqual(second, [])

    await produceKeyed(topic, MORE)
    const third = (await consume(MORE)).read()
    assert.equal(third.length, MORE)
    assert.ok(third.every(({ partition, offset }) => offset >= ends[partition]!))
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
  })
})
