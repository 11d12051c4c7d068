import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { DeadLetters, type LetterCluster } from '#src/coordinator/dead-letters/dead-letters.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { startFakeBroker } from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'
import { WireWriter } from '../../../support/wire-writer.ts'

const TOPIC = 'letters'

/** Starts with a topic that is there, led by this broker. */
async function start(t: TestContext, leader: { host: string; port: number } | null): Promise<void> {
  const cluster: Partial<LetterCluster> = {
    describeTopics: async () => [
      { topic: TOPIC, exists: true, refusal: null, topicId: null, partitions: [] },
    ],
    leaderView: async () => ({ brokers: [], leaders: { [TOPIC]: [1] } }),
    leaderOf: () => (leader === null ? null : { nodeId: 1, ...leader }),
  }
  const letters = new DeadLetters(
    { topic: TOPIC, groupId: 'g', memberId: 'm', connection: connectionOptions(), logger: silentLogger },
    cluster as LetterCluster,
  )
  atEnd(t, () => letters.stop())
  await letters.start()
}

/** A broker that answers whoever wants to write with this error code. */
async function brokerThatSays(t: TestContext, errorCode: number): Promise<{ host: string; port: number }> {
  const { host, port } = await startFakeBroker(t, {
    onRequest: request => request.answer(new WireWriter().int32(0).int16(errorCode).int64(1).int16(0).end()),
  })
  return { host, port }
}

describe('dead letters at the start', () => {
  it('fail where a member may write nowhere', async t => {
    const error = await rejection(start(t, await brokerThatSays(t, 31)), 'DEAD_LETTER_TOPIC_UNAVAILABLE')
    assert.match(error.message, /may not write: CLUSTER_AUTHORIZATION_FAILED \(31\)/)
  })

  it('begin where it may, and where no broker can be asked at the moment', async t => {
    await start(t, await brokerThatSays(t, 0))
    await start(t, null)
    const gone = await startFakeBroker(t)
    await gone.stop()
    await start(t, { host: gone.host, port: gone.port })
  })
})
