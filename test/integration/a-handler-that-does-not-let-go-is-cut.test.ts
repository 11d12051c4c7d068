import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group, GroupError } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import {
  countByRecord,
  Ledger,
  firstDisorder,
  type LedgerEntry,
  type LedgerHandler,
} from '../support/ledger.ts'
import { errorsOf, runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 4
/** Of 50 ms each: more than the cut takes. */
const RECORDS = 350
const STUCK = 'stuck'
/** The grace, the time to settle, and the time for the other lanes, with a start of a thread. */
const CUT_MS = 20_000

describe('a handler that goes on for ever', () => {
  it('is cut before its partition is released, and the other partitions of its thread go on without a repeat', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const producer = await openProducer(t)
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const member = (memberId: string, handler: LedgerHandler): Promise<Group> =>
      runMember(t, ledger.handler(handler), {
        groupId,
        memberId,
        topics: [topic],
        zookeeper: sharedStack().zookeeper,
        threads: 1,
      })
    const send = (partition: number, key: string, count = 1): Promise<unknown> =>
      producer.send({
        topic,
        messages: Array.from({ length: count }, () => ({ partition, key, value: 'v' })),
      })
    const handled = (partition: number): LedgerEntry[] =>
      ledger.read().filter(one => one.partition === partition)

    const first = await member('first', { sleepMs: 50, ignoreKey: STUCK })
    await eventually(() => running(first).length === PARTITIONS)
    const rehearsal = await member('second', {})
    await eventually(() => running(rehearsal).length === PARTITIONS / 2)
    const [moving] = running(rehearsal)
    const [staying] = running(first)
    assert.ok(moving !== undefined && staying !== undefined)
    await rehearsal.stop()
    await eventually(() => running(first).length === PARTITIONS)

    const errors: GroupError[] = []
    const replaced: number[] = []
    first.on('error', error => errors.push(error))
    first.on('worker:replaced', ({ threadId }) => replaced.push(threadId))
    await send(moving, STUCK)
    await eventually(() => handled(moving).length === 1)
    await send(staying, 'busy', RECORDS)

    const second = await member('second', {})
    await eventually(() => running(second).includes(moving), { deadlineMs: CUT_MS })
    assert.deepEqual(
      errors.map(({ code, details }) => ({ code, partition: details['partition'] })),
      [{ code: 'HANDLER_CUT', partition: moving }],
    )
    await send(moving, 'next')
    await eventually(() => handled(moving).length === 3)
    assert.equal(firstDisorder(handled(moving)), null)

    await eventually(() => replaced.length === 1)
    assert.equal(first.status().workers[0]?.restarts, 1)
    await eventually(() => handled(staying).length >= RECORDS, { deadlineMs: RECORDS * 100 })
    await Promise.all([first.stop(), second.stop()])
    assert.deepEqual(
      handled(staying).map(({ offset }) => offset),
      [...Array(RECORDS).keys()],
    )
    const offsets = await readOffsets(groupId, topic)
    assert.deepEqual([offsets[moving], offsets[staying]], [2, RECORDS])
  })

  for (const ordering of ['key', 'none'] as const)
    it(`is cut alone before its partition is released, and nothing else is repeated, in ${ordering} order`, async t => {
      const topic = await createTopic(t, { partitions: 2 })
      const producer = await openProducer(t)
      const ledger = new Ledger(t)
      const groupId = uniqueGroup()
      const member = (memberId: string, handler: LedgerHandler): Promise<Group> =>
        runMember(t, ledger.handler(handler), {
          ...{ groupId, memberId, topics: [topic], zookeeper: sharedStack().zookeeper },
          ...{ ordering, threads: 2, concurrency: 4 },
        })
      const send = (partition: number, key: string): Promise<unknown> =>
        producer.send({ topic, messages: [{ partition, key, value: 'v' }] })
      const sendMany = (partition: number): Promise<unknown> => {
        const keys = Array.from({ length: RECORDS }, (_, number) => `key ${number}`)
        return producer.send({ topic, messages: keys.map(key => ({ partition, key, value: 'v' })) })
      }
      const rehearsal = [await member('first', {}), await member('second', {})]
      await eventually(() => rehearsal.every(one => running(one).length === 1))
      const [staying, moving] = rehearsal.map(one => running(one)[0]!)
      await Promise.all(rehearsal.map(one => one.stop()))

      const first = await member('first', { ignoreKey: STUCK })
      const errors = errorsOf(first)
      await eventually(() => running(first).length === 2)
      await send(moving!, STUCK)
      await Promise.all([sendMany(moving!), sendMany(staying!)])
      await eventually(() => first.status().handled === 2 * RECORDS)
      const second = await member('second', {})
      await eventually(() => running(second).includes(moving!), { deadlineMs: CUT_MS })
      await Promise.all([sendMany(moving!), sendMany(staying!)])
      await eventually(() => ledger.count === 4 * RECORDS + 2)
      const cuts = errors.map(({ code, details }) => [code, details['partition'], details['offset']])
      assert.deepEqual(cuts, [['HANDLER_CUT', moving, 0]])
      await eventually(() => first.status().workers.reduce((sum, { restarts }) => sum + restarts, 0) === 1)
      await Promise.all([first.stop(), second.stop()])
      const counts = countByRecord(ledger.read())
      assert.equal(counts.get(`${moving}/0`), 2)
      assert.equal(counts.size, 4 * RECORDS + 1)
      const offsets = await readOffsets(groupId, topic)
      assert.deepEqual([offsets[moving!], offsets[staying!]], [2 * RECORDS + 1, 2 * RECORDS])
    })
})
