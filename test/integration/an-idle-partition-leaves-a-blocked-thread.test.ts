import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, Ledger } from '../support/ledger.ts'
import { errorsOf, runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

/** Longer than all the rest of the test; less than what makes the thread be ended. */
const BLOCK_MS = 9_000
const RECORDS = 50
/** More than one thread handles until the partition goes: some are left in the ring, where the blocked thread finds them when it goes on. */
const BACKLOG = 600
const BURN_MS = 4

describe('a partition of which a blocked thread has nothing in hand', () => {
  for (const ordering of ['key', 'none'] as const)
    it(`goes to another member while the handler of another partition blocks that thread, in ${ordering} order`, async t => {
      const topic = await createTopic(t, { partitions: 2 })
      const groupId = uniqueGroup()
      const ledger = new Ledger(t)
      const producer = await openProducer(t)
      const member = (memberId: string, block = ''): Promise<Group> =>
        runMember(t, ledger.handler({ block, burnMs: BURN_MS }), {
          ...{ groupId, memberId, topics: [topic], zookeeper: sharedStack().zookeeper },
          ...{ ordering, threads: 2, commit: { intervalMs: 100 } },
        })
      const send = (partition: number, count = RECORDS): Promise<unknown> => {
        const messages = Array.from({ length: count }, (_, number) => ({
          partition,
          key: `key ${number}`,
          value: 'v',
        }))
        return producer.send({ topic, messages })
      }
      // Which one moves is the same each time.
      const rehearsal = [await member('first'), await member('second')]
      await eventually(() => rehearsal.every(one => running(one).length === 1))
      const [staying, moving] = rehearsal.map(one => running(one)[0])
      assert.ok(staying !== undefined && moving !== undefined)
      await Promise.all(rehearsal.map(one => one.stop()))

      const first = await member('first', `${staying}:${RECORDS}:${BLOCK_MS}`)
      const errors = errorsOf(first)
      await eventually(() => running(first).length === 2)
      await Promise.all([send(staying), send(moving)])
      await eventually(() => first.status().handled === 2 * RECORDS)
      await producer.send({ topic, messages: [{ partition: staying, key: 'blocks', value: 'v' }] })
      await eventually(() => ledger.count === 2 * RECORDS + 1)

      await send(moving, BACKLOG)
      const second = await member('second')
      await eventually(() => running(second).includes(moving))
      const left = 2 * RECORDS + 1 + BACKLOG - ledger.count
      assert.ok(left > 0, 'it goes amid its records')
      await eventually(() => second.status().handled >= left)
      const blocked = first.status().partitions.find(({ partition }) => partition === staying)
      assert.equal(blocked?.oldestInHand?.offset, BigInt(RECORDS), 'its handler still blocks the thread')

      await send(staying)
      const total = 3 * RECORDS + 1 + BACKLOG
      const handled = (): number => first.status().handled + second.status().handled
      await eventually(() => handled() === total, { deadlineMs: 2 * BLOCK_MS })
      await Promise.all([first.stop(), second.stop()])
      const entries = ledger.read()
      assert.deepEqual([entries.length, countByRecord(entries).size], [total, entries.length])
      assert.deepEqual(errors, [])
      const offsets = await readOffsets(groupId, topic)
      assert.deepEqual([offsets[staying], offsets[moving]], [2 * RECORDS + 1, RECORDS + BACKLOG])
    })
})
