import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import type { DeadLetter } from '#src/shared/protocol.js'
import { headerText, letterOf, openDeadLetters, readAll } from '../support/dead-letters.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, deleteTopic, endOffsets, uniqueGroup, withAdmin } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { inRepository } from '../support/repository.ts'
import { runMember } from '../support/running-group.ts'
import { privateStack, sharedStack } from '../support/stack.ts'

failOnLeaks()

const NO_UTF8 = Buffer.from([0xff, 0x00, 0xc3, 0x28, 0xfe])
const QUIET = new URL(`file://${inRepository('test/fixtures/handlers/quiet.js')}`)
const MEGABYTE = 1_000_000

/** Records as producers write them, the odd ones included. */
const ODD: Partial<DeadLetter>[] = [
  { key: NO_UTF8, value: NO_UTF8, headers: [['bytes', NO_UTF8]] },
  { key: null, value: null, headers: [['nothing', null]] },
  { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [['', Buffer.alloc(0)]] },
  {
    headers: [
      ['b', Buffer.from('1')],
      ['7', Buffer.from('2')],
      ['b', Buffer.from('3')],
      ['1', Buffer.from('4')],
      ['__proto__', Buffer.from('5')],
      ['b', null],
      ['ключ', Buffer.from('6')],
    ],
  },
  { value: Buffer.alloc(MEGABYTE, 'abc') },
  { value: randomBytes(MEGABYTE) },
]

describe('dead letters', () => {
  it('keep key, value and headers byte for byte and in order, and tell where they come from and why', async t => {
    const topic = await createTopic(t)
    const letters = await openDeadLetters(t, topic)
    await Promise.all(ODD.map((odd, offset) => letters.send(letterOf({ ...odd, offset }))))
    const records = await readAll(t, topic)
    assert.equal(records.length, ODD.length)
    for (const [index, record] of records.entries()) {
      const { key, value, headers } = letterOf(ODD[index])
      const { length } = headers
      assert.deepEqual({ key: record.key, value: record.value }, { key, value })
      assert.deepEqual(record.headers.slice(0, length), headers)
      assert.deepEqual(
        record.headers.slice(length).map(([name, bytes]) => [name, Buffer.from(bytes!).toString()]),
        [
          ['x-kwg-topic', 'orders'],
          ['x-kwg-partition', '0'],
          ['x-kwg-offset', String(index)],
          ['x-kwg-timestamp', '1700000000123'],
          ['x-kwg-group', 'the-group'],
          ['x-kwg-member', 'the-member'],
          ['x-kwg-attempts', '3'],
          ['x-kwg-error-name', 'TypeError'],
          ['x-kwg-error-code', 'HANDLER_FAILED'],
          ['x-kwg-error-message', 'it is broken'],
          ['x-kwg-error-stack', 'TypeError: it is broken\n    at there'],
        ],
      )
    }
  })

  it('of one partition keep their order, whatever the others do; each partition has its place', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    const letters = await openDeadLetters(t, topic)
    const send = async (partition: number): Promise<void> => {
      for (let offset = 0; offset < 50; offset++) await letters.send(letterOf({ partition, offset }))
    }
    await Promise.all(Array.from({ length: 7 }, (_, partition) => send(partition)))
    for (const place of [0, 1, 2]) {
      const records = await readAll(t, topic, place)
      for (let partition = place; partition < 7; partition += 3) {
        const own = records.filter(record => headerText(record, 'x-kwg-partition') === String(partition))
        assert.deepEqual(
          own.map(record => Number(headerText(record, 'x-kwg-offset'))),
          Array.from({ length: 50 }, (_, offset) => offset),
        )
      }
    }
  })

  it('that are too large for a batch are compressed', async t => {
    const topic = await createTopic(t, { config: { 'max.message.bytes': '20000' } })
    const letters = await openDeadLetters(t, topic)
    const value = Buffer.alloc(500_000, 'a payload that repeats itself ')
    await letters.send(letterOf({ value }))
    assert.deepEqual((await readAll(t, topic))[0]!.value, value)
  })

  it('that no broker takes fail, and none of those that go with them', async t => {
    const topic = await createTopic(t, { config: { 'max.message.bytes': '20000' } })
    const letters = await openDeadLetters(t, topic)
    const sizes = [100, 30_000, 200, 40_000, 300]
    const sent = sizes.map((size, offset) => letters.send(letterOf({ offset, value: randomBytes(size) })))
    for (const [offset, size] of sizes.entries()) {
      if (size < 20_000) {
        await sent[offset]
        continue
      }
      const error = await rejection(sent[offset]!, 'DEAD_LETTER_FAILED')
      assert.match(error.message, /MESSAGE_TOO_LARGE/)
      assert.deepEqual([error.details['offset'], error.details['deadLetterTopic']], [offset, topic])
    }
    assert.deepEqual(await endOffsets(topic), [3])
  })

  it('fail when their topic cannot be written for too long', async t => {
    const topic = await createTopic(t)
    const letters = await openDeadLetters(t, topic, { giveUpAfterMs: 1_500 })
    await letters.send(letterOf())
    await deleteTopic(topic)
    const error = await rejection(letters.send(letterOf()), 'DEAD_LETTER_FAILED')
    assert.match(error.message, /offset 7 of orders\/0 .* 1500 ms: .*UNKNOWN_TOPIC_OR_PARTITION/)
  })

  it('that wait when the member stops are left to others', async t => {
    const topic = await createTopic(t)
    const letters = await openDeadLetters(t, topic)
    await deleteTopic(topic)
    const waiting = letters.send(letterOf())
    letters.stop()
    await rejection(waiting, 'NOT_RUNNING')
    await rejection(letters.send(letterOf()), 'NOT_RUNNING')
  })

  it('are never lost when a broker restarts in the middle', async t => {
    const stack = await privateStack(t)
    const { brokers } = stack
    const topic = await createTopic(t, { partitions: 2, brokers })
    const letters = await openDeadLetters(t, topic, { brokers })
    let isOver = false
    const acknowledged: string[] = []
    const send = async (partition: number): Promise<void> => {
      for (let offset = 0; !isOver; offset++) {
        await letters.send(letterOf({ partition, offset }))
        acknowledged.push(`${partition}:${offset}`)
      }
    }
    const senders = [0, 1, 2, 3].map(send)
    await eventually(() => acknowledged.length > 50)
    await stack.brokerProcess(0).kill()
    const before = acknowledged.length
    await stack.brokerProcess(0).start()
    await letters.send(letterOf({ partition: 8 }))
    isOver = true
    await Promise.all(senders)
    assert.ok(acknowledged.length > before)
    const records = [...(await readAll(t, topic, 0, brokers)), ...(await readAll(t, topic, 1, brokers))]
    const stored = records.map(
      record => `${headerText(record, 'x-kwg-partition')}:${headerText(record, 'x-kwg-offset')}`,
    )
    assert.deepEqual(
      acknowledged.filter(name => !stored.includes(name)),
      [],
    )
  })
})

describe('the dead-letter topic', () => {
  it('is made when it is missing, also by several members at once', async t => {
    const topic = `${uniqueGroup()}.dead-letters`
    const several = await Promise.all([1, 2, 3].map(() => openDeadLetters(t, topic)))
    await Promise.all(several.map(letters => letters.send(letterOf())))
    assert.equal((await readAll(t, topic)).length, 3)
    await withAdmin(sharedStack().brokers, admin => admin.deleteTopics({ topics: [topic] }))
  })

  it('is there when a member has started', async t => {
    const [source, topic] = [await createTopic(t), `${uniqueGroup()}.letters`]
    await runMember(t, QUIET, {
      groupId: uniqueGroup(),
      topics: [source],
      zookeeper: sharedStack().zookeeper,
      onFailure: 'dead-letter',
      deadLetter: { topic },
    })
    assert.equal((await endOffsets(topic)).length, 1)
  })

  it('is told of when the brokers do not make it', async t => {
    const error = await rejection(openDeadLetters(t, 'no topic name'), 'DEAD_LETTER_TOPIC_UNAVAILABLE')
    assert.match(error.message, /"no topic name": .*INVALID_TOPIC_EXCEPTION/)
  })
})
