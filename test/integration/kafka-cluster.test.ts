import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../support/cleanup.ts'
import { createTopic, produce } from '../support/kafka.ts'
import { connectionOptions, hostPort } from '../support/kafka-options.ts'
import { sharedStack } from '../support/stack.ts'

async function connect(t: TestContext): Promise<KafkaCluster> {
  const cluster = new KafkaCluster({ connection: connectionOptions(), logger: silentLogger })
  atEnd(t, () => cluster.close())
  await cluster.connect(sharedStack().brokers.map(hostPort))
  return cluster
}

describe('the coordinator learns of a real cluster', () => {
  it('which topics exist and who leads their partitions', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    const cluster = await connect(t)
    const [missing, found] = await cluster.describeTopics(['no-such-topic', topic], 0)
    const nothing = { exists: false, refusal: null, topicId: null, partitions: [] }
    assert.deepEqual(missing, { topic: 'no-such-topic', ...nothing })
    assert.deepEqual(
      found?.partitions.map(of => of.partition),
      [0, 1, 2],
    )
    const view = await cluster.leaderView([topic])
    const leader = view.brokers[0]!
    assert.equal(`${leader.host}:${leader.port}`, sharedStack().brokers[0])
    assert.deepEqual(view.leaders, { [topic]: [leader.nodeId, leader.nodeId, leader.nodeId] })
  })

  it('where partitions begin and end, and which record a time means', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    const messages = [1000, 2000, 3000].map(ms => ({ value: 'x', partition: 0, timestamp: String(ms) }))
    await produce(topic, messages)
    const cluster = await connect(t)
    const partitions = [0, 1].map(partition => ({ topic, partition }))
    const offsets = async (at: Parameters<KafkaCluster['listOffsets']>[1]): Promise<number[]> => {
      const listed = await cluster.listOffsets(partitions, at, true)
      return partitions.map(({ partition }) => listed.find(of => of.partition === partition)!.offset)
    }
    assert.deepEqual(await offsets('earliest'), [0, 0])
    assert.deepEqual(await offsets('latest'), [3, 0])
    assert.deepEqual(await offsets({ timestampMs: 1500 }), [1, 0])
    assert.deepEqual(await offsets({ timestampMs: 9000 }), [3, 0], 'beyond the last record: the end')
  })
})
