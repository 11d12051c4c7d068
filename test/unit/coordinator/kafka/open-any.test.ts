import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { openAny } from '#src/coordinator/kafka/open-any.js'
import type { HostPort } from '#src/shared/host-port.js'
import type { BrokerConnection } from '#src/shared/kafka/broker-connection.js'
import { openBrokerConnection } from '#src/shared/kafka/open-broker-connection.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../../../support/cleanup.ts'
import { closedPort, startFakeBroker, startServer } from '../../../support/fake-broker.ts'
import { rejection } from '../../../support/group-error.ts'
import { API, MODERN } from '../../../support/kafka-answers.ts'
import { connectionOptions } from '../../../support/kafka-options.ts'

async function openFirst(
  t: TestContext,
  addresses: readonly HostPort[],
  timeoutMs = 5000,
): Promise<BrokerConnection> {
  const options = connectionOptions({ connectionTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs })
  const connection = await openAny({
    addresses,
    open: (address, signal) => openBrokerConnection({ address, options, logger: silentLogger, signal }),
    timeoutMs,
    signal: new AbortController().signal,
  })
  atEnd(t, () => connection.close())
  return connection
}

describe('connecting to any of several brokers', () => {
  it('goes on to the next address at once when one refuses', async t => {
    const broker = await startFakeBroker(t)
    const startMs = performance.now()
    const connection = await openFirst(t, [
      await closedPort(),
      await closedPort(),
      await closedPort(),
      broker,
    ])
    assert.equal(connection.address.port, broker.port)
    assert.ok(performance.now() - startMs < 500, 'it waited for a head start that nobody needed')
  })

  it(
    'tries the next address beside one that is silent, and leaves no socket to it',
    { timeout: 10_000 },
    async t => {
      const closed: Promise<unknown>[] = []
      const silent = await startServer(t, socket => closed.push(once(socket.resume(), 'close')))
      const broker = await startFakeBroker(t)
      const connection = await openFirst(t, [silent, broker], 60_000)
      assert.equal(connection.address.port, broker.port)
      assert.equal(closed.length, 1)
      await Promise.all(closed)
    },
  )

  it('names every address when none answers in time', async t => {
    const silent = await startServer(t, () => {})
    const refusing = await closedPort()
    const error = await rejection(openFirst(t, [refusing, silent], 200), 'BROKERS_UNREACHABLE')
    assert.deepEqual(error.details.brokers, [`127.0.0.1:${refusing.port}`, `127.0.0.1:${silent.port}`])
    assert.match(error.message, /ECONNREFUSED/)
  })

  it('tells of a broker that answered and cannot be used, rather than of those that did not', async t => {
    const old = await startFakeBroker(t, { versions: { ...MODERN, [API.fetch]: [0, 1] } })
    await rejection(openFirst(t, [await closedPort(), old]), 'BROKER_UNSUPPORTED')
  })
})
