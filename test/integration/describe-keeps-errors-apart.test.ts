import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeGroup } from '#src/coordinator/visits/describe-group.js'
import { startFakeBroker, type FakeRequest } from '../support/fake-broker.ts'
import { API, listOffsetsAnswer, metadataAnswer, topicsAsked } from '../support/kafka-answers.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { loggerInMemory } from '../support/logger-in-memory.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const NOT_AUTHORIZED = 29
const FEW_SECONDS_MS = 5_000

describe('describing a group', () => {
  it('shows the rest when a leader is silent and a topic may not be seen, within a few seconds', async t => {
    const silent = await startFakeBroker(t)
    const broker = await startFakeBroker(t, {
      onRequest: request => request.answer(request.apiKey === API.listOffsets ? ends() : metadata(request)),
    })
    const ends = (): Buffer =>
      listOffsetsAnswer([{ topic: 'orders', partition: 0, errorCode: 0, offset: 12 }])
    const metadata = ({ body }: FakeRequest): Buffer =>
      metadataAnswer({
        brokers: [broker, silent].map(({ host, port }, nodeId) => ({ nodeId, host, port })),
        topics:
          topicsAsked(body) === 0
            ? []
            : [
                {
                  topic: 'orders',
                  errorCode: 0,
                  topicId: null,
                  partitions: [0, 1].map(number => ({ partition: number, leader: number, errorCode: 0 })),
                },
                { topic: 'secret', errorCode: NOT_AUTHORIZED, topicId: null, partitions: [] },
              ],
      })
    const groupId = uniqueGroup()
    const zookeeper = await openZooKeeper(t)
    for (const [path, offset] of Object.entries({ 'orders/0': '2', 'orders/1': '5', 'secret/0': '7' }))
      await zookeeper.write(`/consumers/${groupId}/offsets/${path}`, offset)
    const { logger, lines } = loggerInMemory()
    const startMs = performance.now()
    const { partitions } = await describeGroup({
      groupId,
      zookeeper: sharedStack().zookeeper,
      kafka: { brokers: [`${broker.host}:${broker.port}`] },
      logger,
    })
    assert.ok(performance.now() - startMs < FEW_SECONDS_MS, `${performance.now() - startMs} ms`)
    assert.deepEqual(partitions, [
      { topic: 'orders', partition: 0, owner: null, committed: 2, end: 12, lag: 10 },
      { topic: 'orders', partition: 1, owner: null, committed: 5, end: null, lag: null },
      { topic: 'secret', partition: 0, owner: null, committed: 7, end: null, lag: null },
    ])
    assert.match(JSON.stringify(lines), /secret[^}]*TOPIC_AUTHORIZATION_FAILED/)
  })

  it('shows the rest when something is stored under a name that no topic can have', async t => {
    const groupId = uniqueGroup()
    const topic = await createTopic(t)
    await produce(topic, [{ value: 'a' }])
    const zookeeper = await openZooKeeper(t)
    await zookeeper.write(`/consumers/${groupId}/offsets/no topic!/0`, '3')
    await zookeeper.write(`/consumers/${groupId}/offsets/${topic}/0`, '0')
    const { logger } = loggerInMemory()
    const { partitions } = await describeGroup({ groupId, zookeeper: sharedStack().zookeeper, logger })
    assert.deepEqual(
      partitions.map(({ topic: name, end }) => [name, end]),
      [
        ['no topic!', null],
        [topic, 1],
      ],
    )
  })
})
