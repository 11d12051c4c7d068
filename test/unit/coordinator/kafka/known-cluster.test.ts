import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KnownCluster } from '#src/coordinator/kafka/known-cluster.js'
import type { ClusterMetadata } from '#src/shared/kafka/metadata.js'

const BROKERS = [
  { nodeId: 1, host: 'one', port: 9092 },
  { nodeId: 2, host: 'two', port: 9092 },
]

function metadata(
  errorCode: number,
  leaders: Readonly<Record<number, number>>,
  topicId: string | null = null,
): ClusterMetadata {
  const partitions = Object.entries(leaders).map(([partition, leader]) => ({
    partition: Number(partition),
    leader,
    errorCode: leader < 0 ? 5 : 0,
  }))
  return { brokers: BROKERS, topics: [{ topic: 'orders', errorCode, topicId, partitions }] }
}

describe('what is known of the cluster', () => {
  it('names the leader of each partition, and none where there is none', () => {
    const known = new KnownCluster()
    known.learn(metadata(0, { 0: 2, 1: -1, 3: 1 }))
    assert.deepEqual(known.leaderView(['orders', 'other']), {
      brokers: BROKERS,
      leaders: { orders: [2, -1, -1, 1], other: [] },
    })
    assert.equal(known.leaderOf({ topic: 'orders', partition: 0 })?.host, 'two')
    for (const partition of [1, 2, 9]) assert.equal(known.leaderOf({ topic: 'orders', partition }), null)
  })

  it('keeps the leaders of a topic that has an error for a moment', () => {
    const known = new KnownCluster()
    known.learn(metadata(0, { 0: 2 }))
    known.learn(metadata(3, {}))
    assert.deepEqual(known.leaderView(['orders']).leaders, { orders: [2] })
  })

  it('remembers the id of a topic that is not there at the moment, until another is made', () => {
    const known = new KnownCluster()
    assert.equal(known.topicIdOf('orders'), null)
    known.learn(metadata(0, {}, 'first'))
    known.learn(metadata(3, {}))
    assert.equal(known.topicIdOf('orders'), 'first')
    known.learn(metadata(0, {}, 'second'))
    assert.equal(known.topicIdOf('orders'), 'second')
  })

  it('knows no leader that is not among the brokers', () => {
    const known = new KnownCluster()
    known.learn(metadata(0, { 0: 7 }))
    assert.equal(known.leaderOf({ topic: 'orders', partition: 0 }), null)
  })
})
