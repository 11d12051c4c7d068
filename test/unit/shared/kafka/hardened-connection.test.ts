import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { HardenedConnection } from '#src/shared/kafka/hardened-connection.js'
import type { KafkaConnectionOptions } from '#src/shared/kafka/connection-options.js'
import { Encoder, type KafkajsExchange } from '#src/shared/kafka/kafkajs-internals.js'
import { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { eventually } from '../../../support/eventually.ts'
import { answerFrame, startFakeBroker, startServer, type FakeRequest } from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import { API } from '../../../support/kafka-answers.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'
import { startThreadedBroker } from '../../../support/threaded-broker.ts'

/** A request whose answer is given as it came. */
const ECHO: KafkajsExchange<Buffer> = {
  request: { apiKey: API.metadata, apiVersion: 6, apiName: 'Metadata', encode: async () => new Encoder() },
  response: { decode: async payload => payload, parse: async payload => payload },
}

async function connectTo(
  t: TestContext,
  address: { host: string; port: number },
  changes: Partial<KafkaConnectionOptions> = {},
): Promise<HardenedConnection> {
  const connection = connectionTo(t, address, changes)
  await connection.connect()
  return connection
}

function connectionTo(
  t: TestContext,
  { host, port }: { host: string; port: number },
  changes: Partial<KafkaConnectionOptions> = {},
): HardenedConnection {
  const connection = new HardenedConnection({
    host,
    port,
    options: connectionOptions(changes),
    logger: silentLogger,
  })
  atEnd(t, () => connection.shut(new GroupError('NOT_RUNNING', 'the test is over')))
  return connection
}

function blockLoop(durationMs: number): void {
  const end = performance.now() + durationMs
  while (performance.now() < end);
}

const PAYLOAD = Buffer.alloc(100, 7)

describe('a hardened connection', () => {
  it('opens one socket however many callers connect at once', async t => {
    const broker = await startFakeBroker(t, { onRequest: request => request.answer(PAYLOAD) })
    const connection = connectionTo(t, broker)
    const sendFirst = async (): Promise<Buffer> => {
      await connection.connect()
      return connection.send(ECHO)
    }
    await Promise.all([sendFirst(), sendFirst(), sendFirst()])
    assert.equal(broker.sockets.length, 1)
  })

  it('takes nothing of a half-received answer into the connection that follows', async t => {
    const sendHalf = ({ correlationId, socket }: FakeRequest): void => {
      socket.end(answerFrame(correlationId, PAYLOAD).subarray(0, 40))
    }
    const answers = [sendHalf, (request: FakeRequest) => request.answer(PAYLOAD)]
    const broker = await startFakeBroker(t, { onRequest: request => answers.shift()?.(request) })
    const first = await connectTo(t, broker)
    await rejection(first.send(ECHO), 'BROKER_DISCONNECTED')
    const second = await connectTo(t, broker)
    assert.deepEqual(await second.send(ECHO), PAYLOAD)
  })

  it('stays ended: a second connect is refused with the reason', async t => {
    const broker = await startFakeBroker(t, { onRequest: ({ socket }) => socket.end() })
    const connection = await connectTo(t, broker)
    const reason = await rejection(connection.send(ECHO), 'BROKER_DISCONNECTED')
    assert.equal(await rejection(connection.connect(), 'BROKER_DISCONNECTED'), reason)
  })

  it('takes an answer that arrived while the event loop was blocked for longer than the timeout', async t => {
    const broker = await startThreadedBroker(t, { delayMs: 20 })
    const connection = await connectTo(t, broker, { requestTimeoutMs: 100 })
    const answer = connection.send(ECHO)
    await new Promise(setImmediate) // the request leaves
    blockLoop(400)
    assert.ok((await answer).length > 0)
  })

  it('ends when an answer does not come in its time', async t => {
    const broker = await startFakeBroker(t)
    const connection = await connectTo(t, broker, { requestTimeoutMs: 50 })
    const error = await rejection(connection.send(ECHO), 'BROKER_DISCONNECTED')
    assert.match(error.message, /no answer to Metadata within \d+ ms/)
    assert.equal(connection.isConnected(), false)
  })

  it('does not time out while a large answer is still arriving', async t => {
    const trickle = async ({ correlationId, socket }: FakeRequest): Promise<void> => {
      for (const byte of answerFrame(correlationId, Buffer.alloc(4))) {
        socket.write(Buffer.of(byte))
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
    const broker = await startFakeBroker(t, { onRequest: request => void trickle(request) })
    const connection = await connectTo(t, broker, { requestTimeoutMs: 150 })
    assert.equal((await connection.send(ECHO)).length, 4)
  })

  it('rejects its requests at once when the socket is destroyed', async t => {
    const broker = await startFakeBroker(t)
    const connection = await connectTo(t, broker)
    const answer = connection.send(ECHO)
    await eventually(() => broker.requests.length === 1, { message: 'the request arrives' })
    connection.socket!.destroy()
    assert.doesNotMatch((await rejection(answer, 'BROKER_DISCONNECTED')).message, /no answer/)
  })

  it('rejects its requests at once when the peer resets the socket', async t => {
    const broker = await startFakeBroker(t, { onRequest: ({ socket }) => socket.resetAndDestroy() })
    const connection = await connectTo(t, broker)
    assert.match((await rejection(connection.send(ECHO), 'BROKER_DISCONNECTED')).message, /ECONNRESET/)
  })

  it('ends without waiting for what is in flight, and tells who asked', async t => {
    const broker = await startFakeBroker(t)
    const connection = await connectTo(t, broker)
    const answers = [connection.send(ECHO), connection.send(ECHO)]
    await eventually(() => broker.requests.length === 2, { message: 'the requests arrive' })
    const reason = new GroupError('BROKER_DISCONNECTED', 'enough')
    connection.shut(reason)
    connection.shut(new GroupError('INTERNAL', 'too late'))
    for (const answer of answers) assert.equal(await rejection(answer, 'BROKER_DISCONNECTED'), reason)
    assert.equal(await connection.ended, reason)
    await once(broker.sockets[0]!, 'close')
  })

  it('ends when the broker answers what nobody asked', async t => {
    const broker = await startFakeBroker(t, {
      onRequest: ({ correlationId, socket }) => socket.write(answerFrame(correlationId + 1, PAYLOAD)),
    })
    const connection = await connectTo(t, broker)
    const error = await rejection(connection.send(ECHO), 'BROKER_DISCONNECTED')
    assert.match((error.cause as Error).message, /answered a request that nobody sent/)
  })

  it('ends when the peer is no broker', async t => {
    const server = await startServer(t, socket => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const connection = await connectTo(t, server)
    assert.equal(((await connection.ended).cause as GroupError).code, 'RESPONSE_CORRUPT')
  })

  it('keeps the pause that a broker asks for before the next request', async t => {
    const broker = await startFakeBroker(t, { onRequest: request => request.answer(PAYLOAD) })
    const connection = await connectTo(t, broker)
    const throttled: KafkajsExchange<{ clientSideThrottleTime: number }> = {
      request: ECHO.request,
      response: { decode: async () => ({ clientSideThrottleTime: 100 }), parse: async answer => answer },
    }
    await connection.send(throttled)
    const startMs = performance.now()
    await Promise.all([connection.send(ECHO), connection.send(ECHO)])
    assert.ok(performance.now() - startMs >= 99, 'the pause was cut short')
  })
})

describe('an idle hardened connection', () => {
  it('sets no timer but the one deadline, however many long polls go by', async t => {
    const broker = await startFakeBroker(t, { onRequest: request => request.answer(PAYLOAD) })
    const intervals = t.mock.method(globalThis, 'setInterval')
    const connection = await connectTo(t, broker)
    await connection.send(ECHO) // kafkajs's millisecond loop starts with the first answer
    const timeouts = t.mock.method(globalThis, 'setTimeout')
    for (let poll = 0; poll < 20; poll += 1) await connection.send(ECHO)
    assert.deepEqual([timeouts.mock.callCount(), intervals.mock.callCount()], [0, 0])
  })

  it('asks for its next deadline when the last one has passed with requests in between, not before', async t => {
    const broker = await startFakeBroker(t, { onRequest: request => request.answer(PAYLOAD) })
    const connection = await connectTo(t, broker, { requestTimeoutMs: 200 })
    const timeouts = t.mock.method(globalThis, 'setTimeout')
    const endMs = performance.now() + 500
    while (performance.now() < endMs) await connection.send(ECHO)
    assert.ok(timeouts.mock.callCount() <= 4, `${timeouts.mock.callCount()} timers in 2.5 deadlines`)
  })
})
