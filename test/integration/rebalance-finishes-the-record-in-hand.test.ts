import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '#src/index.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 4
const PER_PARTITION = 4
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
    const first = await member()
    await produce(
      topic,
      Array.from({ length: PARTITIONS * PER_PARTITION }, (_, n) => ({
        partition: n % PARTITIONS,
        value: 'v',
      })),
    )
    await eventually(() => chronicle.read('start').length === PARTITIONS, { message: 'all are in hand' })
    const second = await member() // in the middle of a record
    await eventually(() => chronicle.read('end').length >= 2 * PARTITIONS)
    await first.stop() // in the middle of another one
    await eventually(() => chronicle.read('end').length === PARTITIONS * PER_PARTITION)
    await second.stop()

    const starts = chronicle.read('start')
    assert.ok(new Set(starts.map(({ epoch }) => epoch)).size > PARTITIONS, 'partitions have moved')
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      assert.deepEqual(chronicle.started(partition), [...Array(PER_PARTITION).keys()], 'once, in order')
      const events = chronicle
        .read()
        .filter(one => one.partition === partition && ['start', 'end'].includes(one.event))
      const inTurn = events.map(({ event }, index) => (index % 2 === 0 ? event === 'start' : event === 'end'))
      assert.ok(inTurn.every(Boolean), 'one ends before the next one starts')
    }
    assert.deepEqual(await readOffsets(groupId, topic), Array(PARTITIONS).fill(PER_PARTITION))
  })
})
