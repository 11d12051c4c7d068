import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'
import { startFakeBroker, type FakeBroker, type FakeRequest } from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import { API, listOffsetsAnswer, metadataAnswer } from '../../../support/kafka-answers.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'
import { failOnLeaks } from '../../../support/leaks.ts'

failOnLeaks()

const NO_ERROR = 0
const NOT_LEADER = 6
const NOT_AUTHORIZED = 29
const PATIENCE_MS = 400
const [ANSWERING, SILENT, NOBODY] = [0, 1, -1] as const

/** Which broker leads each partition of the topic. */
const LEADERS = [ANSWERING, SILENT, ANSWERING, NOBODY, ANSWERING]
const PARTITIONS = LEADERS.map((_leader, partition) => ({ topic: 'orders', partition }))

/** A cluster of a broker that answers with these codes by partition, and one that says nothing but its versions. */
async function startCluster(
  t: TestContext,
  codeOf: (partition: number) => number,
): Promise<{ cluster: KafkaCluster; silent: FakeBroker }> {
  const silent = await startFakeBroker(t)
  const broker = await startFakeBroker(t, {
    onRequest: request => request.answer(request.apiKey === API.listOffsets ? offsets(request) : metadata()),
  })
  const metadata = (): Buffer =>
    metadataAnswer({
      brokers: [
        { nodeId: ANSWERING, host: broker.host, port: broker.port },
        { nodeId: SILENT, host: silent.host, port: silent.port },
      ],
      topics: [
        {
          topic: 'orders',
          errorCode: NO_ERROR,
          topicId: null,
          partitions: LEADERS.map((leader, partition) => ({ partition, leader, errorCode: NO_ERROR })),
        },
      ],
    })
  const offsets = (request: FakeRequest): Buffer =>
    listOffsetsAnswer(
      PARTITIONS.filter(({ partition }) => isAsked(request, partition)).map(of => {
        const errorCode = codeOf(of.partition)
        return { ...of, errorCode, offset: errorCode === NO_ERROR ? 10 * of.partition : null }
      }),
    )
  const cluster = new KafkaCluster({ connection: connectionOptions(), logger: silentLogger })
  atEnd(t, () => cluster.close())
  await cluster.connect([broker])
  await cluster.describeTopics(['orders'])
  return { cluster, silent }
}

/** ListOffsets 3: replica, isolation level, then the one topic with its partitions and their times. */
function isAsked({ body }: FakeRequest, partition: number): boolean {
  const [topics, count] = [4 + 1, 4 + 1 + 4 + 2 + 'orders'.length]
  assert.equal(body.readInt32BE(topics), 1)
  const asked = Array.from({ length: body.readInt32BE(count) }, (_none, index) =>
    body.readInt32BE(count + 4 + index * 12),
  )
  return asked.includes(partition)
}

describe('offsets that are asked for within a time', () => {
  it('are those that could be had: one refused, one leaderless and one silent leader keep only their own back', async t => {
    const { cluster, silent } = await startCluster(t, partition =>
      partition === 2 ? NOT_AUTHORIZED : NO_ERROR,
    )
    const startMs = performance.now()
    const found = await cluster.listOffsetsInTime(PARTITIONS, 'latest', false, PATIENCE_MS)
    const elapsedMs = performance.now() - startMs
    assert.deepEqual(found, [
      { topic: 'orders', partition: 0, offset: 0 },
      { topic: 'orders', partition: 4, offset: 40 },
    ])
    assert.ok(elapsedMs >= PATIENCE_MS - 5 && elapsedMs < PATIENCE_MS + 500, `${elapsedMs} ms`)
    await eventually(() => silent.sockets.every(socket => socket.destroyed), {
      deadlineMs: 1_000,
      message: 'nobody waits on',
    })
  })

  it('are asked for again while a leader is stale, whoever else is silent', async t => {
    let staleAnswers = 2
    const { cluster } = await startCluster(t, () => (staleAnswers-- > 0 ? NOT_LEADER : NO_ERROR))
    const asked = [PARTITIONS[0]!, PARTITIONS[1]!]
    assert.deepEqual(await cluster.listOffsetsInTime(asked, 'latest', false, 2_000), [
      { topic: 'orders', partition: 0, offset: 0 },
    ])
  })

  it('are not waited for once all have answered', async t => {
    const { cluster } = await startCluster(t, () => NO_ERROR)
    const startMs = performance.now()
    const asked = [PARTITIONS[4]!, PARTITIONS[0]!]
    assert.equal((await cluster.listOffsetsInTime(asked, 'latest', false, 60_000)).length, 2)
    assert.deepEqual(await cluster.listOffsetsInTime([], 'latest', false, 60_000), [])
    assert.ok(performance.now() - startMs < 1_000)
  })

  it('end with the cluster', async t => {
    const { cluster } = await startCluster(t, () => NO_ERROR)
    const waiting = rejection(cluster.listOffsetsInTime(PARTITIONS, 'latest', false, 60_000), 'NOT_RUNNING')
    cluster.close()
    await waiting
  })
})
