import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KafkaCluster, TopicDescription } from '#src/coordinator/kafka/cluster.js'
import { findTopics, MissingTopics } from '#src/coordinator/topics.js'
import { GroupError } from '#src/shared/errors.js'

/** Answers each topic with its description here. */
function clusterOf(...described: TopicDescription[]): KafkaCluster {
  return { describeTopics: () => Promise.resolve(described) } as unknown as KafkaCluster
}

const partitions = [1, 0].map(partition => ({ partition, leader: 0, errorCode: 0 }))
const orders = { topic: 'orders', exists: true, refusal: null, topicId: 'id', partitions }
const missing = { topic: 'later', exists: false, refusal: null, topicId: null, partitions: [] }

const refusal = new GroupError('BROKER_REFUSED', 'topic "secret" cannot be described')
const secret = { topic: 'secret', exists: false, refusal, topicId: null, partitions: [] }

describe('finding topics', () => {
  it('tells the partitions of those that exist from those that do not', async () => {
    assert.deepEqual(await findTopics(clusterOf(missing, orders), ['later', 'orders']), {
      partitions: [
        { topic: 'orders', partition: 0 },
        { topic: 'orders', partition: 1 },
      ],
      missing: ['later'],
      refused: [],
    })
  })

  it('names a topic that may not be seen beside the others: it is not taken for one that is just missing', async () => {
    const found = await findTopics(clusterOf(orders, secret), ['orders', 'secret'])
    assert.equal(found.partitions.length, 2)
    assert.deepEqual(found.refused, [refusal])
  })
})

describe('looking for missing topics', () => {
  it('tells once of one that may not be seen, and goes on with those that have appeared', async t => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const appeared: number[] = []
    const troubles: unknown[] = []
    const described: TopicDescription[] = [secret, missing]
    const cluster = { describeTopics: () => Promise.resolve(described) } as unknown as KafkaCluster
    const topics = new MissingTopics(
      cluster,
      async partitions => void appeared.push(partitions.length),
      error => troubles.push(error),
    )
    topics.start(['secret', 'later'])
    for (let look = 1; look <= 3; look += 1) {
      if (look === 3) described[1] = { ...orders, topic: 'later' }
      t.mock.timers.tick(1000)
      await nextTurn()
    }
    await topics.stop()
    assert.deepEqual(troubles, [refusal])
    assert.deepEqual(appeared, [2])
  })
})
