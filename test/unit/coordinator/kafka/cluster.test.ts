import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import type { TopicMetadata } from '#src/shared/kafka/metadata.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import {
  closedPort,
  startFakeBroker,
  startServer,
  type FakeBroker,
  type FakeRequest,
} from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import { API, listOffsetsAnswer, metadataAnswer, topicsAsked } from '../../../support/kafka-answers.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'

/** Answers a scripted broker gives in turn, the last one again and again. */
interface ClusterScript {
  readonly topics: TopicMetadata[]
  readonly offsets?: { errorCode: number; offset: number | null }[]
  /** The first answers name no broker, as of one that has just started. */
  emptyAnswers?: number
}

async function startCluster(
  t: TestContext,
  script: ClusterScript,
  requestTimeoutMs = 5000,
): Promise<{ cluster: KafkaCluster; broker: FakeBroker }> {
  const broker: FakeBroker = await startFakeBroker(t, {
    onRequest: request => request.answer(answer(request)),
  })
  const next = <T>(items: T[]): T => (items.length > 1 ? items.shift()! : items[0]!)
  function answer(request: FakeRequest): Buffer {
    if (request.apiKey === API.listOffsets) {
      return listOffsetsAnswer([{ topic: 'orders', partition: 0, ...next(script.offsets ?? []) }])
    }
    const isEmpty = (script.emptyAnswers ?? 0) > 0
    if (isEmpty) script.emptyAnswers! -= 1
    const brokers = isEmpty ? [] : [{ nodeId: 0, host: broker.host, port: broker.port }]
    const isAsked = topicsAsked(request.body) > 0
    return metadataAnswer({ brokers, topics: isAsked && !isEmpty ? [next(script.topics)] : [] })
  }
  const cluster = new KafkaCluster({
    connection: connectionOptions({ requestTimeoutMs }),
    logger: silentLogger,
  })
  atEnd(t, () => cluster.close())
  await cluster.connect([broker])
  return { cluster, broker }
}

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const FOUND = { topic: 'orders', errorCode: 0, topicId: TOPIC_ID }
const LED = { ...FOUND, partitions: [{ partition: 0, leader: 0, errorCode: 0 }] }
const LEADERLESS = { ...FOUND, partitions: [{ partition: 0, leader: -1, errorCode: 5 }] }
const UNKNOWN = { topic: 'orders', errorCode: 3, topicId: null, partitions: [] }
const ORDERS = [{ topic: 'orders', partition: 0 }]

describe('the Kafka cluster', () => {
  it('is unreachable when none of the given brokers answers', async t => {
    const silent = await startServer(t, () => {})
    const connection = connectionOptions({ connectionTimeoutMs: 100 })
    const cluster = new KafkaCluster({ connection, logger: silentLogger })
    const error = await rejection(cluster.connect([await closedPort(), silent]), 'BROKERS_UNREACHABLE')
    assert.match(error.message, new RegExp(`127.0.0.1:${silent.port}`))
    cluster.close()
  })

  it('asks again for a moment when a topic is unknown: it may be new', async t => {
    const { cluster } = await startCluster(t, { topics: [UNKNOWN, LED] })
    assert.deepEqual(await cluster.describeTopics(['orders']), [
      { topic: 'orders', exists: true, refusal: null, topicId: TOPIC_ID, partitions: LED.partitions },
    ])
  })

  it('says that a topic does not exist when the moment is over', async t => {
    const { cluster } = await startCluster(t, { topics: [UNKNOWN] })
    assert.deepEqual(await cluster.describeTopics(['orders'], 150), [
      { topic: 'orders', exists: false, refusal: null, topicId: null, partitions: [] },
    ])
  })

  it('says of a topic that may not be seen why, at once', async t => {
    const { cluster } = await startCluster(t, { topics: [{ ...UNKNOWN, errorCode: 29 }] })
    const startMs = performance.now()
    const [topic] = await cluster.describeTopics(['orders'], 60_000)
    assert.ok(performance.now() - startMs < 1_000)
    assert.deepEqual([topic!.exists, topic!.partitions], [false, []])
    assert.equal(topic!.refusal!.code, 'BROKER_REFUSED')
    assert.match(topic!.refusal!.message, /"orders" cannot be described: TOPIC_AUTHORIZATION_FAILED \(29\)/)
  })

  it('does not believe a broker that has just started and knows no brokers', async t => {
    const { cluster } = await startCluster(t, { topics: [LED], emptyAnswers: 2 })
    assert.deepEqual((await cluster.leaderView(['orders'])).leaders, { orders: [0] })
  })

  it('asks for leaders once for all who want them at the same time', async t => {
    const { cluster, broker } = await startCluster(t, { topics: [LED] })
    await cluster.leaderView(['orders'])
    const before = broker.requests.length
    await Promise.all([cluster.leaderView(['orders']), cluster.leaderView(['orders']), cluster.refresh()])
    assert.equal(broker.requests.length, before + 1)
  })

  it('asks for a topic that a refresh under way leaves out', async t => {
    const { cluster } = await startCluster(t, { topics: [LED] })
    const refreshing = cluster.refresh()
    assert.deepEqual((await cluster.leaderView(['orders'])).leaders, { orders: [0] })
    await refreshing
  })

  it('waits for a leader to list offsets, and asks again when it is stale', async t => {
    const { cluster } = await startCluster(t, {
      topics: [LEADERLESS, LED],
      offsets: [
        { errorCode: 6, offset: null },
        { errorCode: 0, offset: 42 },
      ],
    })
    await cluster.describeTopics(['orders'])
    assert.deepEqual(await cluster.listOffsets(ORDERS, 'latest', true), [{ ...ORDERS[0], offset: 42 }])
  })

  it('names the partitions without an answer when the time is up', async t => {
    const { cluster } = await startCluster(t, { topics: [LEADERLESS] }, 100)
    const error = await rejection(cluster.listOffsets(ORDERS, 'latest', true), 'BROKER_DISCONNECTED')
    assert.match(error.message, /orders\/0 \(it has no leader\)/)
  })

  it('rejects at once when a leader refuses a partition', async t => {
    const { cluster } = await startCluster(t, { topics: [LED], offsets: [{ errorCode: 29, offset: null }] })
    const error = await rejection(cluster.listOffsets(ORDERS, 'latest', true), 'FETCH_REFUSED')
    assert.deepEqual(error.details, { topic: 'orders', partition: 0, errorCode: 29 })
  })

  it('ends what waits when it is closed, and refuses what follows', async t => {
    const { cluster } = await startCluster(t, { topics: [UNKNOWN] })
    const waiting = [cluster.describeTopics(['orders'], 60_000), cluster.listOffsets(ORDERS, 'latest', true)]
    cluster.close()
    cluster.close()
    for (const work of waiting) await rejection(work, 'NOT_RUNNING')
    await rejection(cluster.leaderView(['orders']), 'NOT_RUNNING')
  })
})
