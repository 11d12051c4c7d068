import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KafkaCluster, TopicDescription } from '#src/coordinator/kafka/cluster.js'
import { findTopics } from '#src/coordinator/topics/topics.js'
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
      existing: [orders],
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
