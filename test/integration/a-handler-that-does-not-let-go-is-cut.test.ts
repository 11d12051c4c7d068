import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group, GroupError } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger, firstDisorder, type LedgerEntry, type LedgerHandler } from '../support/ledger.ts'
import { runMember, running } from '../support/running-group.ts'
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
})
