import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { deferred } from '#src/shared/deferred.js'
import type { BrokerConnection } from '#src/shared/kafka/broker-connection.js'
import type { KafkaConnectionOptions, SaslOptions } from '#src/shared/kafka/connection-options.js'
import { openBrokerConnection, type OpenBrokerConnection } from '#src/shared/kafka/open-broker-connection.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { closedPort, startFakeBroker, startServer } from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import { API, MODERN, type SpokenVersions } from '../../../support/kafka-answers.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'
import { startLoginBroker } from '../../../support/login-broker.ts'
import { startThreadedBroker } from '../../../support/threaded-broker.ts'
import { TLS_IDENTITY } from '../../../support/tls-identity.ts'

async function open(
  t: TestContext,
  address: { host: string; port: number },
  changes: Partial<KafkaConnectionOptions> = {},
  more: Partial<OpenBrokerConnection> = {},
): Promise<BrokerConnection> {
  const options = connectionOptions(changes)
  const connection = await openBrokerConnection({ address, options, logger: silentLogger, ...more })
  atEnd(t, () => connection.close())
  return connection
}

describe('opening a broker connection', () => {
  it('learns the versions of this very broker', async t => {
    const broker = await startFakeBroker(t)
    const connection = await open(t, broker)
    assert.deepEqual(connection.versions[API.fetch], { minVersion: 0, maxVersion: 17 })
  })

  it('asks for no versions when they are given', async t => {
    const broker = await startFakeBroker(t)
    const { versions } = await open(t, broker)
    await open(t, broker, {}, { versions })
    assert.equal(broker.requests.length, 1)
  })

  it('names the address when nobody listens there', async t => {
    const address = await closedPort()
    const error = await rejection(open(t, address), 'BROKERS_UNREACHABLE')
    assert.match(error.message, new RegExp(`127.0.0.1:${address.port}: .*ECONNREFUSED`))
    assert.equal(error.details.broker, `127.0.0.1:${address.port}`)
  })

  it('gives up on a server that says nothing, and leaves no socket', async t => {
    const { promise: accepted, resolve } = deferred<Socket>()
    const server = await startServer(t, resolve)
    const error = await rejection(open(t, server, { connectionTimeoutMs: 100 }), 'BROKERS_UNREACHABLE')
    assert.match(error.message, /no answer within 100 ms/)
    const socket = await accepted
    if (!socket.closed) await once(socket.resume(), 'close')
  })

  it('says so when the peer is no broker', async t => {
    const server = await startServer(t, socket => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    assert.match(
      (await rejection(open(t, server), 'BROKERS_UNREACHABLE')).message,
      /sent something that is not an answer/,
    )
  })

  it('says so when the broker closes the connection', async t => {
    const server = await startServer(t, socket => socket.end())
    await rejection(open(t, server), 'BROKERS_UNREACHABLE')
  })

  it('is not given up because the event loop was blocked for longer than the timeout', async t => {
    const broker = await startThreadedBroker(t, { delayMs: 0 })
    const opening = open(t, broker, { connectionTimeoutMs: 200 })
    await new Promise(setImmediate)
    const end = performance.now() + 600
    while (performance.now() < end);
    assert.equal((await opening).isConnected, true)
  })

  it('is given up by its signal, before and while it goes on', async t => {
    const server = await startServer(t, () => {})
    const before = rejection(open(t, server, {}, { signal: AbortSignal.abort() }), 'BROKERS_UNREACHABLE')
    assert.match((await before).message, /given up/)
    const giveUp = new AbortController()
    const opening = open(t, server, {}, { signal: giveUp.signal })
    setImmediate(() => giveUp.abort())
    assert.match((await rejection(opening, 'BROKERS_UNREACHABLE')).message, /given up/)
  })

  it('refuses a broker that is too old', async t => {
    const broker = await startFakeBroker(t, { versions: { ...MODERN, [API.fetch]: [0, 3] } })
    const error = await rejection(open(t, broker), 'BROKER_UNSUPPORTED')
    assert.match(error.message, new RegExp(`broker 127.0.0.1:${broker.port} speaks versions 0 to 3 of Fetch`))
    await once(broker.sockets[0]!, 'close')
  })
})

describe('opening a broker connection over TLS', () => {
  it('works with the certificate of its authority', async t => {
    const broker = await startFakeBroker(t, { tls: TLS_IDENTITY })
    assert.equal((await open(t, broker, { ssl: { ca: TLS_IDENTITY.cert } })).isConnected, true)
  })

  it('refuses a certificate that nobody vouches for', async t => {
    const broker = await startFakeBroker(t, { tls: TLS_IDENTITY })
    const error = await rejection(open(t, broker, { ssl: true }), 'BROKERS_UNREACHABLE')
    assert.match(error.message, /self-signed|DEPTH_ZERO/i)
  })

  it('does not hang on a broker that expects none', async t => {
    const broker = await startServer(t, socket => socket.once('data', () => socket.end('not TLS')))
    await rejection(open(t, broker, { ssl: true }), 'BROKERS_UNREACHABLE')
  })

  it('does not hang on a broker that expects it', async t => {
    const broker = await startFakeBroker(t, { tls: TLS_IDENTITY })
    const error = await rejection(open(t, broker), 'BROKERS_UNREACHABLE')
    assert.match(error.message, /closed by the broker before it answered; does it expect TLS/)
  })
})

const PLAIN: SaslOptions = { mechanism: 'plain', username: 'alice', password: 'secret' }

describe('opening a broker connection with a login', () => {
  it('logs in before anything else is asked, and leaves the options as they were', async t => {
    const broker = await startLoginBroker(t)
    const sasl = Object.freeze({ ...PLAIN })
    await open(t, broker, { sasl })
    assert.deepEqual(
      broker.requests.map(request => request.apiKey),
      [API.apiVersions, API.saslHandshake, API.saslAuthenticate],
    )
    assert.deepEqual(sasl, PLAIN)
  })

  it('says what was refused when the password is wrong', async t => {
    const broker = await startLoginBroker(t, { errorCode: 58 })
    const error = await rejection(open(t, broker, { sasl: PLAIN }), 'BROKER_REFUSED')
    assert.match(error.message, /refused the login \(plain\).*check kafka\.sasl/)
    assert.doesNotMatch(error.message, /secret/)
  })

  it('says what is spoken when the mechanism is not', async t => {
    const broker = await startLoginBroker(t, { mechanisms: ['SCRAM-SHA-512'] })
    await rejection(open(t, broker, { sasl: PLAIN }), 'BROKER_REFUSED')
  })

  it('refuses a broker that is too old for it', async t => {
    const versions: SpokenVersions = { ...MODERN, [API.saslAuthenticate]: [7, 8] }
    const broker = await startLoginBroker(t, { versions })
    await rejection(open(t, broker, { sasl: PLAIN }), 'BROKER_UNSUPPORTED')
  })

  it('asks the token provider of the caller', async t => {
    const broker = await startLoginBroker(t)
    const oauthBearerProvider = async (): Promise<{ value: string }> => ({ value: 'token-of-alice' })
    await open(t, broker, { sasl: { mechanism: 'oauthbearer', oauthBearerProvider } })
    assert.match(broker.requests.at(-1)!.body.toString(), /auth=Bearer token-of-alice/)
  })

  it('does not wait for a token provider for ever', async t => {
    const broker = await startLoginBroker(t)
    const oauthBearerProvider = (): Promise<{ value: string }> => new Promise(() => {})
    const sasl: SaslOptions = { mechanism: 'oauthbearer', oauthBearerProvider }
    const byProvider = rejection(open(t, broker, { sasl, requestTimeoutMs: 50 }), 'BROKERS_UNREACHABLE')
    assert.match((await byProvider).message, /no token within 50 ms/)
    await rejection(open(t, broker, { sasl, connectionTimeoutMs: 50 }), 'BROKERS_UNREACHABLE')
  })
})
