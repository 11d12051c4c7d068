// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Producer } from 'kafkajs'
import type { Group } from '#src/index.js'
import { randomUUID } from 'node:crypto'
import { assertBounds, unlessBelow, type Measurement } from '../support/bounds.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer, produce, uniqueGroup, withAdmin } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'

failOnLeaks()

const BOUND_MS = 2_000

interface Rig {
  readonly groupId: string
  readonly ledger: Ledger
  readonly group: Group
  readonly errors: string[]
}

async function member(
  t: Measurement,
  topics: string[],
  { elsewhere = false, groupId = uniqueGroup(), ledger = new Ledger(t) } = {},
): Promise<Rig> {
  const { zookeeper, brokers } = sharedStack()
  const group = await runMember(t, ledger.handler(), {
    groupId,
    topics,
    zookeeper: elsewhere ? `${zookeeper}/elsewhere` : zookeeper,
    kafka: elsewhere ? { brokers: [...brokers], metadataMaxAgeMs: 1_000 } : {},
    missingTopics: 'wait',
    offsetReset: 'latest',
  })
  const errors: string[] = []
  group.on('error', ({ message }) => errors.push(message))
  return { groupId, ledger, group, errors }
}

/** Answers when the request went out, with the connection already there. */
function addPartitions(topic: string, count: number): Promise<number> {
  return withAdmin(sharedStack().brokers, async admin => {
    const atMs = nowMs()
    await admin.createPartitions({ topicPartitions: [{ topic, count }] })
    return atMs
  })
}

/** The same for a new topic. */
function create(topic: string, numPartitions: number): Promise<number> {
  return withAdmin(sharedStack().brokers, async admin => {
    const atMs = nowMs()
    await admin.createTopics({ topics: [{ topic, numPartitions }] })
    return atMs
  })
}

/** Sends one record to each of these partitions as soon as the brokers take it. */
async function sendToEach(producer: Producer, topic: string, partitions: readonly number[]): Promise<void> {
  const messages = partitions.map(partition => ({ partition, key: 'added', value: 'v' }))
  await eventually(() => producer.send({ topic, messages }).catch(() => false), { intervalMs: 5 })
}

/** Ms from the change until its records had been handled; each must have been, at offset 0. */
async function handledAfter({ ledger }: Rig, changedAtMs: number, partitions: number[]): Promise<number> {
  const found = (): number[] =>
    ledger
      .read()
      .filter(({ key, offset }) => key === 'added' && offset === 0)
      .map(({ partition }) => partition)
      .sort((a, b) => a - b)
  await eventually(() => found().length >= partitions.length, {
    message: () => `handled of ${found().join()}`,
  })
  assert.deepEqual(found(), partitions)
  return Math.max(...ledger.read().map(({ startMs }) => startMs)) - changedAtMs
}

const nowMs = (): number => performance.timeOrigin + performance.now()

describe('what happens to topics while a member runs', () => {
  it('partitions added later are consumed from their first record within moments of the change', t =>
    assertBounds(t, async of => {
      const topic = await createTopic(of, { partitions: 1 })
      const rig = await member(of, [topic])
      const other = await member(of, [topic], rig)
      const added = [1, 2, 3, 4, 5, 6, 7]
      const producer = await openProducer(of)
      const changedAtMs = await addPartitions(topic, 1 + added.length)
      await sendToEach(producer, topic, added)
      const tookMs = await handledAfter(rig, changedAtMs, added)
      of.diagnostic(`from the change to the last of the first records: ${tookMs.toFixed(0)} ms`)
      await eventually(() => [rig, other].every(({ group }) => group.status().partitions.length === 4))
      assert.deepEqual([...rig.errors, ...other.errors], [])
      return unlessBelow('handled after', tookMs, BOUND_MS)
    }))

  it('a topic that appears later is consumed from its first record within moments', t =>
    assertBounds(t, async of => {
      const topic = await createTopic(of, { partitions: 1 })
      const later = `later-${randomUUID()}`
      const rig = await member(of, [topic, later])
      const producer = await openProducer(of)
      const changedAtMs = await create(later, 2)
      await sendToEach(producer, later, [0, 1])
      const tookMs = await handledAfter(rig, changedAtMs, [0, 1])
      of.diagnostic(`from the change to the last of the first records: ${tookMs.toFixed(0)} ms`)
      assert.deepEqual(rig.errors, [])
      return unlessBelow('handled after', tookMs, BOUND_MS)
    }))

  it('where ZooKeeper does not tell, the brokers are asked every kafka.metadataMaxAgeMs', async t => {
    const topic = await createTopic(t, { partitions: 1 })
    const rig = await member(t, [topic], { elsewhere: true })
    await addPartitions(topic, 3)
    await sendToEach(await openProducer(t), topic, [1, 2])
    await handledAfter(rig, nowMs(), [1, 2])
    await produce(topic, [{ partition: 2, key: 'next', value: 'v' }])
    await eventually(() => rig.ledger.count === 3)
    assert.deepEqual(rig.errors, [])
  })
})
