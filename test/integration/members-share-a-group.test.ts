import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { Ledger, countByRecord, firstDisorder } from '../support/ledger.ts'
import { runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'
import type { Group } from '#src/index.js'

const PARTITIONS = 12
const PER_BURST = 10

describe('members of a group', () => {
  it('share its partitions; a join and a leave move only what they must, and nothing is lost or repeated', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const member = (): Promise<Group> =>
      runMember(t, ledger.handler({ burnMs: 1 }), {
        groupId,
        topics: [topic],
        zookeeper: sharedStack().zookeeper,
      })
    let produced = 0
    const burst = async (): Promise<void> => {
      const messages = Array.from({ length: PARTITIONS * PER_BURST }, (_, n) => ({
        partition: n % PARTITIONS,
        value: 'v',
      }))
      await produce(topic, messages)
      produced += messages.length
    }

    const first = await member()
    await eventually(() => running(first).length === PARTITIONS)
    await burst()
    const second = await member()
    await burst()
    await eventually(() => running(first).length === 6 && running(second).length === 6)
    const keptByFirst = running(first)
    const third = await member()
    await burst()
    await eventually(() => [first, second, third].every(group => running(group).length === 4))
    assert.ok(running(first).every(partition => keptByFirst.includes(partition)))
    const all = [first, second, third].flatMap(group => running(group)).sort((a, b) => a - b)
    assert.deepEqual(all, [...Array(PARTITIONS).keys()])
    const before = { first: running(first), third: running(third) }
    await second.stop()
    await burst()
    await eventually(() => running(first).length === 6 && running(third).length === 6)
    assert.ok(before.first.every(partition => running(first).includes(partition)))
    assert.ok(before.third.every(partition => running(third).includes(partition)))
    await eventually(() => ledger.count >= produced)
    await Promise.all([first.stop(), third.stop()])

    const entries = ledger.read()
    assert.equal(entries.length, produced)
    assert.equal(countByRecord(entries).size, produced)
    assert.equal(firstDisorder(entries), null)
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
  })
})
