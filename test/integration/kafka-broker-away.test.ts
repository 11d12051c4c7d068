import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import { silentLogger } from '#src/shared/logger.js'
import type { RunningStack } from '#src/stack/start-stack.js'
import { atEnd } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce } from '../support/kafka.ts'
import { connectionOptions, hostPort } from '../support/kafka-options.ts'
import { privateStack } from '../support/stack.ts'

async function connect(t: TestContext, stack: RunningStack): Promise<KafkaCluster> {
  const cluster = new KafkaCluster({
    connection: connectionOptions({ requestTimeoutMs: 20_000 }),
    logger: silentLogger,
  })
  atEnd(t, () => cluster.close())
  await cluster.connect(stack.brokers.map(hostPort))
  return cluster
}

describe('one broker of three goes away', () => {
  it('its replicated partitions get a new leader, its own have none until it is back', async t => {
    const stack = await privateStack(t, { brokers: 3 })
    const { brokers } = stack
    const replicated = await createTopic(t, { partitions: 6, replicationFactor: 3, brokers })
    const single = await createTopic(t, { partitions: 6, brokers })
    await produce(replicated, [{ value: 'x', partition: 0 }], { brokers })
    const cluster = await connect(t, stack)
    const before = await cluster.leaderView([replicated, single])
    const gone = before.leaders[replicated]![0]!
    const leaderless = before.leaders[single]!.indexOf(gone)
    assert.ok(leaderless >= 0, 'every broker leads some of six partitions')

    await stack.brokerProcess(gone).stop()
    const after = await eventually(
      async () => {
        const view = await cluster.leaderView([replicated, single])
        return !view.leaders[replicated]!.includes(gone) && view
      },
      { message: 'the replicated partitions have moved', deadlineMs: 30_000 },
    )
    assert.equal(after.leaders[single]![leaderless], -1)
    const ends = await cluster.listOffsets([{ topic: replicated, partition: 0 }], 'latest', true)
    assert.deepEqual(ends, [{ topic: replicated, partition: 0, offset: 1 }])

    const waiting = cluster.listOffsets([{ topic: single, partition: leaderless }], 'latest', true)
    await stack.brokerProcess(gone).start()
    assert.deepEqual(await waiting, [{ topic: single, partition: leaderless, offset: 0 }])
  })
})
