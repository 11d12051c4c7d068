import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { BrokerConnection } from '#src/shared/kafka/broker-connection.js'
import { openBrokerConnection } from '#src/shared/kafka/open-broker-connection.js'
import { fetchPolicy } from '#src/shared/kafka/error-codes.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../support/cleanup.ts'
import { createTopic, produce } from '../support/kafka.ts'
import { connectionOptions, hostPort } from '../support/kafka-options.ts'
import { sharedStack } from '../support/stack.ts'

async function connect(t: TestContext): Promise<BrokerConnection> {
  const connection = await openBrokerConnection({
    address: hostPort(sharedStack().brokers[0]!),
    options: connectionOptions(),
    logger: silentLogger,
  })
  atEnd(t, () => connection.close())
  return connection
}

const FETCH = { maxWaitMs: 200, minBytes: 1, maxBytes: 1_000_000, readCommitted: true }
const MAX_BYTES = 100_000

describe('one bad topic or partition does not poison the others', () => {
  it('in metadata: a topic that does not exist is named, and not created', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    const connection = await connect(t)
    for (let turn = 0; turn < 2; turn += 1) {
      const { brokers, topics } = await connection.metadata(['no-such-topic', topic])
      assert.equal(brokers.length, 1)
      const found = Object.fromEntries(topics.map(of => [of.topic, [of.errorCode, of.partitions.length]]))
      assert.deepEqual(found, { 'no-such-topic': [3, 0], [topic]: [0, 3] })
    }
  })

  it('in list offsets', async t => {
    const topic = await createTopic(t)
    await produce(topic, [{ value: 'a' }, { value: 'b' }])
    const connection = await connect(t)
    const partitions = [0, 7].map(partition => ({ topic, partition }))
    assert.deepEqual(await connection.listOffsets({ at: 'latest', readCommitted: true, partitions }), [
      { topic, partition: 0, errorCode: 0, offset: 2 },
      { topic, partition: 7, errorCode: 3, offset: null },
    ])
  })

  it('in a fetch: good, out of range and unknown partitions each get their own answer', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    await produce(topic, [{ value: 'first', partition: 0 }])
    const connection = await connect(t)
    const answer = await connection.fetch({
      ...FETCH,
      partitions: [
        { topic, partition: 1, offset: 999, maxBytes: MAX_BYTES },
        { topic, partition: 0, offset: 0, maxBytes: MAX_BYTES },
        { topic, partition: 7, offset: 0, maxBytes: MAX_BYTES },
      ],
    })
    assert.equal(answer.errorCode, 0)
    const byPartition = new Map(answer.partitions.map(of => [of.partition, of]))
    assert.deepEqual(
      [1, 0, 7].map(partition => fetchPolicy(byPartition.get(partition)!.errorCode)),
      ['out-of-range', 'ok', 'stale-leader'],
    )
    const good = byPartition.get(0)!
    assert.deepEqual([good.highWatermark, good.lastStableOffset, good.logStartOffset], [1, 1, 0])
    assert.ok(good.records?.includes('first'))
  })
})

describe('a fetch from a real broker', () => {
  it('comes in the order of the request, with as many whole batches as fit', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    const value = Buffer.alloc(50_000)
    for (const partition of [0, 1, 2]) await produce(topic, [{ value, partition }])
    const connection = await connect(t)
    const partitions = [2, 0, 1].map(partition => ({ topic, partition, offset: 0, maxBytes: MAX_BYTES }))
    const answer = await connection.fetch({ ...FETCH, maxBytes: 110_000, partitions })
    assert.deepEqual(
      answer.partitions.map(of => [of.partition, of.records !== null]),
      [
        [2, true],
        [0, true],
        [1, false],
      ],
    )
  })

  it('waits for data as long as it was told, and answers the moment there is some', async t => {
    const topic = await createTopic(t)
    const connection = await connect(t)
    const poll = (maxWaitMs: number): ReturnType<BrokerConnection['fetch']> =>
      connection.fetch({
        ...FETCH,
        maxWaitMs,
        partitions: [{ topic, partition: 0, offset: 0, maxBytes: MAX_BYTES }],
      })
    const startMs = performance.now()
    assert.equal((await poll(200)).partitions[0]?.records, null)
    assert.ok(performance.now() - startMs >= 190)
    const waiting = poll(60_000)
    await produce(topic, [{ value: 'now' }])
    assert.ok((await waiting).partitions[0]?.records?.includes('now'))
  })
})
