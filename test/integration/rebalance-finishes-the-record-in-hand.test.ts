import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '#src/index.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 4
const partitions = [...Array(PARTITIONS).keys()]
const SLOW_MS = 250

describe('a partition that moves, and a member that stops', () => {
  it('finish the record in hand and commit it first: nothing is lost, repeated or run by two', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const chronicle = new Chronicle(t)
    const groupId = uniqueGroup()
    const member = (): Promise<Group> =>
      runMember(t, chronicle.handler({ sleepMs: SLOW_MS }), {
        groupId,
        topics: [topic],
        zookeeper: sharedStack().zookeeper,
      })
    let produced = 0
    const producer = await openProducer(t)
    /** So that each partition is in the middle of a record whenever it is to go. */
    const keepBusy = async (): Promise<void> => {
      if (chronicle.read('end').length < (produced - 1) * PARTITIONS) return
      produced += 1
      await producer.send({ topic, messages: partitions.map(partition => ({ partition, value: 'v' })) })
    }
    const allInHand = async (): Promise<void> => {
      await eventually(
        async () => {
          await keepBusy()
          return chronicle.read('start').length - chronicle.read('end').length === PARTITIONS
        },
        { message: 'every partition has a record in hand' },
      )
    }

    const first = await member()
    await allInHand()
    const joining = member()
    await eventually(async () => {
      await keepBusy()
      return running(first).length === PARTITIONS / 2
    })
    const second = await joining
    await allInHand()
    await first.stop()
    await eventually(() => chronicle.read('end').length === PARTITIONS * produced)
    await second.stop()

    const starts = chronicle.read('start')
    assert.ok(new Set(starts.map(({ epoch }) => epoch)).size > PARTITIONS, 'partitions have moved')
    for (const partition of partitions) {
      assert.deepEqual(chronicle.started(partition), [...Array(produced).keys()], 'once, in order')
      const events = chronicle
        .read()
        .filter(one => one.partition === partition && ['start', 'end'].includes(one.event))
      const inTurn = events.map(({ event }, index) => (index % 2 === 0 ? event === 'start' : event === 'end'))
      assert.ok(inTurn.every(Boolean), 'one ends before the next one starts')
    }
    assert.deepEqual(await readOffsets(groupId, topic), Array(PARTITIONS).fill(produced))
  })
})
