import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KafkaCluster, TopicDescription } from '#src/coordinator/kafka/cluster.js'
import { findTopics } from '#src/coordinator/topics.js'
import { GroupError } from '#src/shared/errors.js'
import { rejection } from '../../support/group-error.ts'

/** Answers each topic with its description here. */
function clusterOf(...described: TopicDescription[]): KafkaCluster {
  return { describeTopics: () => Promise.resolve(described) } as unknown as KafkaCluster
}

const partitions = [1, 0].map(partition => ({ partition, leader: 0, errorCode: 0 }))
const orders = { topic: 'orders', exists: true, refusal: null, partitions }
const missing = { topic: 'later', exists: false, refusal: null, partitions: [] }

describe('finding topics', () => {
  it('tells the partitions of those that exist from those that do not', async () => {
    assert.deepEqual(await findTopics(clusterOf(missing, orders), ['later', 'orders']), {
      partitions: [
        { topic: 'orders', partition: 0 },
        { topic: 'orders', partition: 1 },
      ],
      missing: ['later'],
    })
  })

  it('refuses a subscribed topic that may not be seen, naming it: it is not taken for one that is missing', async () => {
    const refusal = new GroupError('BROKER_REFUSED', 'topic "secret" cannot be described')
    const secret = { topic: 'secret', exists: false, refusal, partitions: [] }
    const error = await rejection(
      findTopics(clusterOf(orders, secret), ['orders', 'secret']),
      'BROKER_REFUSED',
    )
    assert.match(error.message, /"secret"/)
  })
})
