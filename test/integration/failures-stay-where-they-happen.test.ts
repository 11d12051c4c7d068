import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { KafkaMessage, Message } from 'kafkajs'
import type { RunGroupOptions } from '#src/index.js'
import { Attempts, byRecord, firstOutOfOrder, type Attempt } from '../support/attempts.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { readTopic } from '../support/read-topic.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

/** The whole run of 100,000 is `npm run bench -- failures`; here a tenth of it, in the same mix. */
const RECORDS = 10_000
const PARTITIONS = 8
const ATTEMPTS = 3
const DEADLINE_MS = 240_000

/** Of each thousand, and one so that all partitions have their share: ten fail always, ten fail twice, one ends its thread, one blocks it for ever. */
function kindOf(number: number): string {
  const place = number % 1001
  if (place === 501) return 'kill'
  if (place === 777) return 'block'
  if (place % 100 === 13) return 'fail'
  return place % 100 === 57 ? 'twice' : 'ok'
}

const IS_HOPELESS = new Set(['fail', 'kill', 'block'])

/** Bytes that are no text, in values and headers. */
function* messages(): Generator<Message> {
  for (let number = 0; number < RECORDS; number++) {
    const value = Buffer.from([number & 255, (number >> 8) & 255, 0xff, 0xfe, 0])
    const headers = { trace: Buffer.from([0xc3, number & 255]), again: ['1', '2'] }
    yield { key: `${kindOf(number)}-${number}`, value, headers, partition: number % PARTITIONS }
  }
}

function options(topic: string, groupId: string): RunGroupOptions {
  return {
    groupId,
    topics: [topic],
    zookeeper: sharedStack().zookeeper,
    commit: { intervalMs: 200 },
    retry: { attempts: ATTEMPTS, backoffMs: 5, maxBackoffMs: 10 },
    onFailure: 'dead-letter',
    handlerTimeoutMs: 500,
  }
}

function expectedAttempts(kind: string): number[] {
  return kind === 'ok' ? [1] : Array.from({ length: ATTEMPTS }, (_, index) => index + 1)
}

/** `told`: what failed attempts of each record, by `<partition>/<offset>`. */
function assertAttempts(attempts: readonly Attempt[], told: ReadonlyMap<string, string>): void {
  const records = byRecord(attempts)
  assert.equal(records.size, RECORDS)
  for (const [record, ofRecord] of records)
    assert.deepEqual(
      ofRecord.map(({ attempt }) => attempt),
      expectedAttempts(ofRecord[0]!.kind),
      `${record}, which is of the kind ${ofRecord[0]!.kind}: ${told.get(record) ?? 'nothing told'}`,
    )
}

interface Letter {
  readonly origin: string
  readonly message: KafkaMessage
}

async function readLetters(topic: string): Promise<Letter[]> {
  const found = (await readTopic(topic)).flat()
  return found.map(message => ({
    origin: `${String(message.headers!['x-kwg-partition'])}/${String(message.headers!['x-kwg-offset'])}`,
    message,
  }))
}

const CODES: Readonly<Record<string, string>> = {
  fail: 'E_NEVER',
  kill: 'HANDLER_KILLED_THREAD',
  block: 'HANDLER_TIMEOUT',
}

function assertLetter({ key, value, headers = {} }: KafkaMessage, expected: Message, groupId: string): void {
  assert.deepEqual(key, Buffer.from(String(expected.key)))
  assert.deepEqual(value, expected.value)
  assert.deepEqual(headers['trace'], expected.headers!['trace'])
  assert.deepEqual(
    (headers['again'] as Buffer[]).map(String),
    ['1', '2'],
    'a header that occurs twice keeps both values',
  )
  const kind = String(expected.key).split('-')[0]!
  assert.equal(String(headers['x-kwg-group']), groupId)
  assert.equal(String(headers['x-kwg-attempts']), String(ATTEMPTS))
  assert.equal(String(headers['x-kwg-error-code']), CODES[kind])
}

async function assertLetters(topic: string, groupId: string): Promise<void> {
  const letters = await readLetters(`${groupId}.dead-letters`)
  const byOrigin = new Map(letters.map(({ origin, message }) => [origin, message]))
  assert.equal(byOrigin.size, letters.length, 'no record is dead-lettered twice')
  const hopeless = [...messages()].map((message, number) => ({ message, number }))
  const expected = hopeless.filter(({ number }) => IS_HOPELESS.has(kindOf(number)))
  assert.equal(letters.length, expected.length)
  for (const { message, number } of expected) {
    const origin = `${number % PARTITIONS}/${Math.floor(number / PARTITIONS)}`
    const letter = byOrigin.get(origin)
    assert.ok(letter, `the record at ${origin} of ${topic} has its dead letter`)
    assertLetter(letter, message, groupId)
  }
}

async function scene(t: TestContext): Promise<{ topic: string; groupId: string; attempts: Attempts }> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  await produce(topic, messages())
  return { topic, groupId: uniqueGroup(), attempts: new Attempts(t) }
}

describe('records that fail, end their thread or block it', () => {
  failOnLeaks()

  it('are tried as often as allowed and dead-lettered byte for byte; all others are handled exactly once, in order, and the group goes on', async t => {
    const { topic, groupId, attempts } = await scene(t)
    const group = await runMember(t, attempts.handler(), options(topic, groupId))
    const told = new Map<string, string>()
    group.on('record:failed', ({ partition, offset, error }) => {
      told.set(`${partition}/${offset}`, error.message)
    })
    await eventually(() => group.status().partitions.every(({ lag }) => lag === 0), {
      deadlineMs: DEADLINE_MS,
      message: () => `${group.status().lag} records are left`,
    })
    assert.equal(group.state, 'running')
    await group.stop()
    const all = attempts.read()
    assertAttempts(all, told)
    assert.equal(firstOutOfOrder(all), null)
    assert.deepEqual(Object.values(await readOffsets(groupId, topic)), await endOffsets(topic))
    await assertLetters(topic, groupId)
  })
})
