// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Producer } from 'kafkajs'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer } from '../support/kafka.ts'
import { WorkerRig } from '../support/worker-rig.ts'

const WITHIN_MS = 50
/** Long enough that a record which waited for the poll to end would be far too late. */
const LONG_POLL_MS = 5000
/** The first record of a producer and a topic pays for metadata and compilation. */
const WARM_UP = 5
const SAMPLES = 20

function now(): number {
  return performance.timeOrigin + performance.now()
}

/** How long after it was acknowledged a record's handler started; never below zero. */
async function latencyMs(
  producer: Producer,
  topic: string,
  partition: number,
  chronicle: Chronicle,
): Promise<number> {
  const before = chronicle.started(partition).length
  await producer.send({ topic, messages: [{ partition, value: 'x' }], acks: 1 })
  const sentMs = now()
  const event = await eventually(
    () => chronicle.read('start').filter(one => one.partition === partition)[before],
    { intervalMs: 2 },
  )
  return Math.max(0, event.atMs - sentMs)
}

async function latencies(
  producer: Producer,
  topic: string,
  partition: number,
  chronicle: Chronicle,
): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < WARM_UP + SAMPLES; i += 1) {
    const latency = await latencyMs(producer, topic, partition, chronicle)
    if (i >= WARM_UP) found.push(latency)
    await delay(Math.random() * 30) // at no fixed place of the poll
  }
  return found.sort((a, b) => a - b)
}

function assertPrompt(found: readonly number[]): void {
  const listed = found.map(ms => ms.toFixed(0)).join(' ')
  assert.ok(found[Math.floor(found.length / 2)]! < WITHIN_MS / 2, `median of ${listed}`)
  assert.ok(found.at(-2)! < WITHIN_MS, `but for one: ${listed}`)
}

describe('a record that is produced while other partitions of the leader are idle', () => {
  it('starts within 50 ms although the others long-poll', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    const producer = await openProducer(t)
    const chronicle = new Chronicle(t)
    const settings = { maxWaitMs: LONG_POLL_MS }
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler(), settings })
    await rig.claimAll(3)
    assertPrompt(await latencies(producer, topic, 1, chronicle))
  })

  it('starts within 50 ms when its partition was claimed, resumed or moved here during the long poll', async t => {
    const topic = await createTopic(t, { partitions: 4 })
    const producer = await openProducer(t)
    const chronicle = new Chronicle(t)
    const settings = { maxWaitMs: LONG_POLL_MS }
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler(), settings, threads: 2 })
    await rig.claim(0)
    const moved = await rig.claim(3, { thread: 1 })
    await rig.claim(2, { paused: true })
    await latencies(producer, topic, 0, chronicle) // the long poll of partition 0 is under way
    const claimed = await rig.claim(1)
    assertPrompt(await latencies(producer, topic, 1, chronicle))
    const paused = { ...claimed.id, partition: 2, epoch: 3n }
    await rig.thread().setPaused(paused, false)
    assertPrompt(await latencies(producer, topic, 2, chronicle))
    await moved.moveTo(rig.thread(0))
    assertPrompt(await latencies(producer, topic, 3, chronicle))
  })

  it('starts within 50 ms beside a partition that is full because its handler is slow', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    const producer = await openProducer(t)
    const big = Array.from({ length: 200 }, () => ({ partition: 0, value: Buffer.alloc(20_000) }))
    for (let i = 0; i < big.length; i += 40) await producer.send({ topic, messages: big.slice(i, i + 40) })
    const chronicle = new Chronicle(t)
    const settings = { maxWaitMs: LONG_POLL_MS, maxBytesPerPartition: 100_000 }
    const handler = new URL(chronicle.handler())
    handler.searchParams.set('slowPartition', '0:1000')
    const rig = await WorkerRig.start(t, { topic, handler, settings })
    const lanes = await rig.claimAll(3)
    await eventually(() => lanes[0]!.memory.read().bufferedBytes > 100_000)
    assertPrompt(await latencies(producer, topic, 1, chronicle))
  })
})
