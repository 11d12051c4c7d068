import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import type { BrokerConnection } from '#src/shared/kafka/broker-connection.js'
import type { FetchRequest } from '#src/shared/kafka/fetch-request.js'
import { openBrokerConnection } from '#src/shared/kafka/open-broker-connection.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'
import { startFakeBroker, type FakeRequest } from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import {
  API,
  fetchAnswer,
  listOffsetsAnswer,
  metadataAnswer,
  MODERN,
} from '../../../support/kafka-answers.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'

async function connectTo(t: TestContext, address: { host: string; port: number }): Promise<BrokerConnection> {
  const connection = await openBrokerConnection({
    address,
    options: connectionOptions(),
    logger: silentLogger,
  })
  atEnd(t, () => connection.close())
  return connection
}

const FETCH: FetchRequest = {
  maxWaitMs: 10,
  minBytes: 1,
  maxBytes: 1000,
  readCommitted: true,
  partitions: [{ topic: 'orders', partition: 0, offset: 5, maxBytes: 1000 }],
}

const FETCHED = {
  topic: 'orders',
  partition: 0,
  errorCode: 0,
  highWatermark: 9,
  lastStableOffset: 8,
  logStartOffset: 1,
  aborted: [],
  records: Buffer.from('records'),
}

const NO_TAGGED_FIELDS = 0

describe('a broker connection', () => {
  it('fetches with the newest version that both sides speak', async t => {
    for (const [spoken, expected] of [
      [17, 11],
      [6, 6],
    ] as const) {
      const broker = await startFakeBroker(t, {
        versions: { ...MODERN, [API.fetch]: [0, spoken] },
        onRequest: request => request.answer(fetchAnswer({ partitions: [FETCHED] }, request.apiVersion)),
      })
      const connection = await connectTo(t, broker)
      assert.deepEqual((await connection.fetch(FETCH)).partitions, [FETCHED])
      assert.equal(broker.requests.at(-1)?.apiVersion, expected)
    }
  })

  it('keeps error codes of topics and partitions where they belong', async t => {
    const metadata = {
      brokers: [{ nodeId: 1, host: 'broker.example', port: 9092 }],
      topics: [
        { topic: 'gone', errorCode: 3, topicId: null, partitions: [] },
        {
          topic: 'orders',
          errorCode: 0,
          topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
          partitions: [
            { partition: 0, leader: 1, errorCode: 0 },
            { partition: 1, leader: -1, errorCode: 5 },
          ],
        },
      ],
    }
    const offsets = [
      { topic: 'orders', partition: 0, errorCode: 0, offset: 2 ** 33 },
      { topic: 'orders', partition: 1, errorCode: 6, offset: null },
    ]
    const answers = {
      [API.metadata]: metadataAnswer(metadata),
      [API.listOffsets]: listOffsetsAnswer(offsets),
    }
    const broker = await startFakeBroker(t, {
      onRequest: request => request.answer(answers[request.apiKey as keyof typeof answers]),
    })
    const connection = await connectTo(t, broker)
    assert.deepEqual(await connection.metadata(['gone', 'orders']), metadata)
    assert.deepEqual(
      await connection.listOffsets({ at: 'latest', readCommitted: true, partitions: offsets }),
      offsets,
    )
  })

  it('asks for no topic when it is given none, and never to create one', async t => {
    const broker = await startFakeBroker(t, {
      onRequest: request => request.answer(metadataAnswer({ brokers: [], topics: [] })),
    })
    const connection = await connectTo(t, broker)
    await connection.metadata([])
    const { apiVersion, body } = broker.requests.at(-1)!
    assert.equal(apiVersion, 12)
    assert.deepEqual(body, Buffer.from([NO_TAGGED_FIELDS, 1, 0, 0, NO_TAGGED_FIELDS]))
  })

  for (const [name, ask] of [
    ['fetch', (connection: BrokerConnection) => connection.fetch(FETCH)],
    ['metadata', (connection: BrokerConnection) => connection.metadata(['orders'])],
    [
      'list offsets',
      (connection: BrokerConnection) =>
        connection.listOffsets({ at: 'earliest', readCommitted: false, partitions: FETCH.partitions }),
    ],
  ] as const) {
    it(`ends after an answer to ${name} that cannot be read`, async t => {
      const broker = await startFakeBroker(t, { onRequest: request => request.answer(Buffer.alloc(9, 0x7f)) })
      const connection = await connectTo(t, broker)
      await rejection(ask(connection), 'RESPONSE_CORRUPT')
      assert.equal(connection.isConnected, false)
      await rejection(ask(connection), 'BROKER_DISCONNECTED')
    })
  }

  it('closes at once, however long the poll in flight still waits, and again without effect', async t => {
    const broker = await startFakeBroker(t)
    const connection = await connectTo(t, broker)
    const poll = connection.fetch({ ...FETCH, maxWaitMs: 60_000 })
    const later = connection.metadata([])
    await eventually(() => broker.requests.length === 3, { message: 'both requests arrive' })
    connection.close()
    connection.close()
    assert.equal(connection.isConnected, false)
    const error = await rejection(poll, 'BROKER_DISCONNECTED')
    assert.equal(error.details.broker, `127.0.0.1:${broker.port}`)
    await rejection(later, 'BROKER_DISCONNECTED')
    await rejection(connection.fetch(FETCH), 'BROKER_DISCONNECTED')
    assert.match((await connection.ended).message, /closed on our side/)
    await once(broker.sockets[0]!, 'close')
  })

  it('tells when the broker closes it while nothing is in flight', async t => {
    const broker = await startFakeBroker(t)
    const connection = await connectTo(t, broker)
    broker.sockets[0]!.end()
    assert.equal((await connection.ended).code, 'BROKER_DISCONNECTED')
    assert.equal(connection.isConnected, false)
  })

  it('answers several requests in their order', async t => {
    const held: FakeRequest[] = []
    const broker = await startFakeBroker(t, { onRequest: request => held.push(request) })
    const connection = await connectTo(t, broker)
    const polls = [connection.fetch(FETCH), connection.fetch(FETCH)]
    await eventually(() => held.length === 2, { message: 'both requests arrive' })
    for (const [index, request] of held.entries()) {
      request.answer(fetchAnswer({ partitions: [{ ...FETCHED, highWatermark: index }] }, request.apiVersion))
    }
    const found = await Promise.all(polls)
    assert.deepEqual(
      found.map(answer => answer.partitions[0]?.highWatermark),
      [0, 1],
    )
  })
})
