import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import type { MessagePort } from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import { WorkerThread, type ThreadHost } from '#src/coordinator/threads/worker-thread.js'
import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { HEADER, LONGS } from '#src/shared/memory/ring/ring-layout.js'
import { FEED_LANE, type WorkerStart } from '#src/shared/protocol.js'
import { Chronicle } from '../support/chronicle.ts'
import { atEnd } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, endOffsets, produceKeyed } from '../support/kafka.ts'
import { connectionOptions } from '../support/kafka-options.ts'
import { sharedStack } from '../support/stack.ts'
import { newRing, rigSettings, WorkerRig } from '../support/worker-rig.ts'

/** A thread that lives until nothing keeps it: no pool is there to end it. */
function bareThread(t: TestContext, handler: URL): { thread: WorkerThread; exited: Promise<unknown[]> } {
  const memory = new GroupMemory()
  memory.renewLease({ monoMs: monotonicMs() + 60_000, wallMs: wallMs() + 60_000 })
  let exited: Promise<unknown[]> = Promise.resolve([])
  const host: ThreadHost = {
    run: async (start: WorkerStart, transferList: MessagePort[]) => {
      const worker = new Worker(new URL('../support/bare-thread.js', import.meta.url), {
        workerData: start,
        transferList,
      })
      atEnd(t, () => worker.terminate())
      exited = once(worker, 'exit')
      await exited
    },
    exited: async () => {
      await exited
    },
  }
  const listener = {
    message: () => {},
    exited: () => {},
    resolveOutOfRange: () => Promise.reject(new Error('not asked here')),
    deadLetter: () => Promise.reject(new Error('not asked here')),
    announce: () => Promise.reject(new Error('not asked here')),
    aloneOver: () => Promise.reject(new Error('not asked here')),
    oauthToken: () => Promise.reject(new Error('not asked here')),
  }
  const thread = new WorkerThread(rigSettings(handler), memory.buffer, listener, host)
  thread.takePlace(0)
  return { thread, exited }
}

async function leaderView(t: TestContext, topic: string): ReturnType<KafkaCluster['leaderView']> {
  const cluster = new KafkaCluster({ connection: connectionOptions(), logger: silentLogger })
  atEnd(t, () => cluster.close())
  const brokers = sharedStack().brokers.map(broker => {
    const [host, port] = broker.split(':')
    return { host: host!, port: Number(port) }
  })
  await cluster.connect(brokers)
  return cluster.leaderView([topic])
}

describe('stopping a worker thread', () => {
  it('leaves no socket, timer or port that would keep the thread, in the middle of a backlog and of a long poll', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    await produceKeyed(topic, 5000)
    const chronicle = new Chronicle(t)
    const { thread, exited } = bareThread(t, chronicle.handler({ burnMs: 1 }))
    await thread.loadHandler()
    await thread.updateLeaders(await leaderView(t, topic))
    const lanes = [0, 1].map(partition => {
      const memory = LaneMemory.create(partition === 0 ? 0 : 2500)
      const id = { topic, partition, epoch: 1n, lane: 0 }
      return {
        id,
        memory,
        started: thread.startLane({
          ...id,
          memory: memory.buffer,
          generation: 0,
          paused: false,
          lastFailure: null,
          suspectForMs: 0,
          careful: null,
        }),
      }
    })
    await Promise.all(lanes.map(lane => lane.started))
    await eventually(() => lanes[0]!.memory.floor > 50)
    await thread.stop()
    const [code] = await exited
    assert.equal(code, 0)
    assert.deepEqual(
      chronicle.started(0),
      Array.from({ length: lanes[0]!.memory.floor }, (_, offset) => offset),
    )
    assert.equal(chronicle.read('teardown').length, 1)
  })

  it('leaves nothing of the rings that it filled either, one full and one at the end of its partition', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    await produceKeyed(topic, 2000)
    const end = (await endOffsets(topic))[1]!
    const { thread, exited } = bareThread(t, new URL('file:///none.js'))
    await thread.updateLeaders(await leaderView(t, topic))
    const rings = [8192, 2 ** 20].map(dataBytes => newRing({ dataBytes, indexCapacity: 2048 }))
    for (const [partition, ring] of rings.entries()) {
      const id = { topic, partition, epoch: 1n, lane: FEED_LANE }
      await thread.startFeed({ ...id, ring: ring.buffer, feedBelow: null, paused: false })
    }
    await eventually(() => rings[0]!.header[HEADER.IS_BLOCKED] === 1)
    await eventually(() => rings[1]!.longs[LONGS.HEAD_OFFSET] === BigInt(end))
    await thread.stop()
    assert.deepEqual(await exited, [0])
  })

  it('ends a thread that never got anything to do', async t => {
    const { thread, exited } = bareThread(t, new Chronicle(t).handler())
    await thread.stop()
    assert.deepEqual(await exited, [0])
  })

  it('drains every lane: what was started is finished, and nothing starts any more', async t => {
    const topic = await createTopic(t, { partitions: 4 })
    await produceKeyed(topic, 400)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ sleepMs: 20 }), threads: 2 })
    const lanes = [
      ...(await rig.claimAll(2)),
      await rig.claim(2, { thread: 1 }),
      await rig.claim(3, { thread: 1 }),
    ]
    await eventually(() => lanes.every(lane => lane.floor > 2))
    await rig.stop()
    for (const [partition, lane] of lanes.entries()) {
      assert.equal(chronicle.started(partition).length, lane.floor)
      assert.equal(chronicle.read('end').filter(of => of.partition === partition).length, lane.floor)
    }
    assert.equal(chronicle.read('released').length, 4)
    assert.equal(chronicle.read('teardown').length, 2)
    assert.equal(rig.pool.threads.length, 2)
  })

  it('refuses lanes from then on', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 10)
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler({ sleepMs: 200 }) })
    await rig.claim(0)
    await eventually(() => chronicle.read('start').length === 1)
    const stopping = rig.stop()
    await rejection(rig.claim(0), 'NOT_RUNNING')
    await stopping
  })
})
