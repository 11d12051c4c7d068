import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CompressionTypes } from 'kafkajs'
import { GroupError, isGroupError } from '#src/shared/errors.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer, produceKeyed, withAdmin } from '../support/kafka.ts'
import { sharedStack } from '../support/stack.ts'
import { WorkerRig } from '../support/worker-rig.ts'

describe('fetching for a lane', () => {
  it('gets a batch that is larger than all limits but the one for batches, and the partitions beside it', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    const producer = await openProducer(t)
    for (const partition of [0, 1, 2]) {
      const big = { partition, value: Buffer.alloc(300_000, partition) }
      await producer.send({ topic, messages: [big, { partition, value: 'small' }] })
      await producer.send({ topic, messages: [{ partition, value: 'next' }] })
    }
    const chronicle = new Chronicle(t)
    const settings = { maxBytesPerPartition: 20_000, maxBufferedBytes: 60_000 }
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler(), settings })
    const lanes = await rig.claimAll(3)
    await eventually(() => lanes.every(lane => lane.floor === 3))
    assert.deepEqual(
      chronicle
        .read('start')
        .filter(of => of.partition === 1)
        .map(of => of.value.length),
      [300_000, 5, 4],
    )
  })

  it('stops the partition whose batch is larger than that when decompressed, and no other', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    const producer = await openProducer(t)
    const small = [0, 1].map(partition => ({ partition, value: 'small' }))
    await producer.send({ topic, messages: small })
    const huge = { partition: 0, value: Buffer.alloc(600_000) }
    await producer.send({ topic, messages: [huge], compression: CompressionTypes.GZIP })
    await producer.send({ topic, messages: small })
    const chronicle = new Chronicle(t)
    const settings = { maxBatchBytes: 500_000 }
    const rig = await WorkerRig.start(t, { topic, handler: chronicle.handler(), settings })
    const lanes = await rig.claimAll(2)
    await eventually(() => rig.failures.length > 0 && lanes[1]!.floor === 2)
    const [error] = rig.failures
    assert.ok(isGroupError(error, 'BATCH_TOO_LARGE'), String(error))
    assert.deepEqual(
      [error.details['topic'], error.details['partition'], error.details['offset']],
      [topic, 0, 1],
    )
    assert.equal(lanes[0]!.floor, 1)
    assert.equal(lanes[0]!.memory.read().waitsFor, 'failed')
    assert.deepEqual(chronicle.started(0), [0])
  })

  it('goes on where the coordinator says when the log begins behind its position', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 20)
    await withAdmin(sharedStack().brokers, async admin => {
      await admin.fetchTopicOffsets(topic) // kafkajs deletes only from topics it has heard of
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '15' }] })
    })
    const chronicle = new Chronicle(t)
    const asked: number[] = []
    const rig = await WorkerRig.start(t, {
      topic,
      handler: chronicle.handler(),
      resolveOutOfRange: async (lane, position) => {
        assert.deepEqual([lane.topic, lane.partition], [topic, 0])
        asked.push(position)
        return 15
      },
    })
    const lane = await rig.claim(0, { floor: 3 })
    await eventually(() => lane.floor === 20)
    assert.deepEqual(asked, [3])
    assert.deepEqual(chronicle.started(0), [15, 16, 17, 18, 19])
  })

  it('stops with what the coordinator says when it may not go on', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 20)
    const rig = await WorkerRig.start(t, {
      topic,
      handler: new Chronicle(t).handler(),
      resolveOutOfRange: lane => {
        const details = { topic: lane.topic, partition: lane.partition }
        return Promise.reject(new GroupError('OFFSET_OUT_OF_RANGE', 'the policy is none', { details }))
      },
    })
    const lane = await rig.claim(0, { floor: 1000 })
    await eventually(() => rig.failures.length > 0)
    assert.equal(rig.failures[0]!.message, 'the policy is none')
    assert.equal(lane.floor, 1000)
  })

  it('lets lanes work on beside one that is slow and full, within what the thread may hold', async t => {
    const topic = await createTopic(t, { partitions: 8 })
    const producer = await openProducer(t)
    for (let partition = 0; partition < 8; partition += 1) {
      const messages = Array.from({ length: 200 }, () => ({ partition, value: Buffer.alloc(1000) }))
      for (let i = 0; i < 200; i += 20) await producer.send({ topic, messages: messages.slice(i, i + 20) })
    }
    const maxBufferedBytes = 400_000
    const maxBytesPerPartition = 30_000
    const chronicle = new Chronicle(t)
    const rig = await WorkerRig.start(t, {
      topic,
      handler: chronicle.handler({ slowPartition: '0:60000' }),
      settings: { maxBufferedBytes, maxBytesPerPartition },
    })
    const lanes = await rig.claimAll(8)
    let most = 0
    await eventually(
      () => {
        most = Math.max(
          most,
          lanes.reduce((sum, lane) => sum + lane.memory.read().bufferedBytes, 0),
        )
        return lanes.slice(1).every(lane => lane.floor === 200)
      },
      { intervalMs: 1 },
    )
    assert.ok(most <= maxBufferedBytes + 2 * maxBytesPerPartition, `${most} bytes`) // two answers were under way
    assert.equal(lanes[0]!.floor, 0)
    const { bufferedBytes } = lanes[0]!.memory.read()
    assert.ok(bufferedBytes > 0 && bufferedBytes <= 2 * maxBytesPerPartition, `${bufferedBytes} bytes`)
    await rig.thread().abortLane(lanes[0]!.id, 'the test is over')
    await rig.pool.threads[0]!.terminate() // its handler would sleep on
  })

  it('asks now and then, and says that it is in trouble, while its topic is gone', async t => {
    const topic = await createTopic(t)
    await produceKeyed(topic, 5)
    const rig = await WorkerRig.start(t, { topic, handler: new Chronicle(t).handler() })
    const lane = await rig.claim(0)
    await eventually(() => lane.floor === 5)
    await withAdmin(sharedStack().brokers, admin => admin.deleteTopics({ topics: [topic] }))
    await eventually(() => lane.memory.read().waitsFor === 'fetch-error')
    const cpu = process.cpuUsage()
    const turns = rig.thread().memory.read().loopTurns
    await eventually(() => rig.messages.filter(({ type }) => type === 'leaders-stale').length >= 3)
    const used = process.cpuUsage(cpu)
    assert.ok(used.user + used.system < 3_000_000)
    assert.ok(rig.thread().memory.read().loopTurns - turns < 10)
    assert.equal(rig.failures.length, 0)
  })
})
