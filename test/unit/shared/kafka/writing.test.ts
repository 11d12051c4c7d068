import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { BrokerConnection } from '#src/shared/kafka/broker-connection.js'
import { openBrokerConnection } from '#src/shared/kafka/open-broker-connection.js'
import type { ProduceAnswer } from '#src/shared/kafka/produce.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { startFakeBroker, type FakeRequest } from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import { API, MODERN, type SpokenVersions } from '../../../support/kafka-answers.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'
import { WireWriter } from '../../../support/wire-writer.ts'

/** A connection to a broker that answers every request like this. */
async function connectionTo(
  t: TestContext,
  answer: (version: number) => Buffer,
  versions: SpokenVersions = MODERN,
): Promise<{ connection: BrokerConnection; requests: readonly FakeRequest[] }> {
  const { requests, ...address } = await startFakeBroker(t, {
    versions,
    onRequest: request => request.answer(answer(request.apiVersion)),
  })
  const connection = await openBrokerConnection({
    address,
    options: connectionOptions(),
    logger: silentLogger,
  })
  atEnd(t, () => connection.close())
  return { connection, requests }
}

const REQUEST = { to: { topic: 'orders', partition: 3 }, batch: Buffer.from('batch'), timeoutMs: 500 }

function produced(version: number, { topic = 'orders', partition = 3, errorCode = 0 } = {}): Buffer {
  const writer = new WireWriter()
  writer.array([0], () => {
    writer.string(topic).array([0], () => {
      writer.int32(partition).int16(errorCode).int64(77).int64(-1)
      if (version >= 5) writer.int64(0)
    })
  })
  return writer.int32(0).end()
}

async function produce(t: TestContext, answer: (version: number) => Buffer): Promise<ProduceAnswer> {
  const { connection } = await connectionTo(t, answer)
  return connection.produce(REQUEST)
}

describe('writing a batch', () => {
  it('asks all replicas in sync, with the newest version that both sides speak', async t => {
    for (const [spoken, version] of [
      [11, 7],
      [4, 4],
    ] as const) {
      const versions = { ...MODERN, [API.produce]: [3, spoken] } as const
      const { connection, requests } = await connectionTo(t, of => produced(of), versions)
      assert.deepEqual(await connection.produce(REQUEST), { errorCode: 0, baseOffset: 77 })
      const { apiVersion, body } = requests.at(-1)!
      assert.equal(apiVersion, version)
      const sent = new WireWriter().int16(-1).int16(-1).int32(500).int32(1).string('orders').int32(1).int32(3)
      assert.deepEqual(body, sent.bytes(Buffer.from('batch')).end())
    }
  })

  it('tells the error code of its partition', async t => {
    const answer = await produce(t, version => produced(version, { errorCode: 6 }))
    assert.equal(answer.errorCode, 6)
  })

  it('takes no answer that is about anything else', async t => {
    const others = [
      (version: number) => produced(version, { topic: 'others' }),
      (version: number) => produced(version, { partition: 4 }),
      () => new WireWriter().int32(0).int32(0).end(),
      (version: number) => produced(version).subarray(0, 20),
    ]
    for (const answer of others) await rejection(produce(t, answer), 'RESPONSE_CORRUPT')
  })
})

describe('asking for a producer id', () => {
  it('answers with id and epoch', async t => {
    const answer = (): Buffer =>
      new WireWriter()
        .int32(0)
        .int16(0)
        .int64(2n ** 60n)
        .int16(4)
        .end()
    const { connection } = await connectionTo(t, answer)
    assert.deepEqual(await connection.initProducerId(), {
      errorCode: 0,
      producerId: 2n ** 60n,
      producerEpoch: 4,
    })
  })
})

describe('making a topic', () => {
  it('leaves partitions and replicas to the brokers, and answers with their words', async t => {
    const answer = (): Buffer => {
      const writer = new WireWriter().int32(0)
      return writer.array([0], () => writer.string('letters').int16(44).string('not like this')).end()
    }
    const { connection, requests } = await connectionTo(t, answer)
    assert.deepEqual(await connection.createTopic('letters', 500), {
      errorCode: 44,
      message: 'not like this',
    })
    const sent = new WireWriter().int32(1).string('letters').int32(-1).int16(-1).int32(0).int32(0)
    assert.deepEqual(requests.at(-1)!.body, sent.int32(500).boolean(false).end())
  })
})
