import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLogger } from '#src/shared/logger.js'
import { SessionConnection } from '#src/coordinator/storage/zookeeper/connection.js'
import { isGroupError } from '#src/shared/errors.js'
import { atEnd } from '../../../../support/cleanup.ts'
import { eventually } from '../../../../support/eventually.ts'
import { FakeZooKeeper, OP } from '../../../../support/fake-zookeeper.ts'

const TIMEOUT_MS = 900

describe('the connection of a session', () => {
  it('counts requests past the end of the number space without throwing (Z21)', async t => {
    const fake = await FakeZooKeeper.start(t, TIMEOUT_MS)
    const connection = connectionTo(fake.port)
    atEnd(t, () => connection.abandon('end of test'))
    connection.connect()
    await eventually(() => connection.connected, { message: 'connected' })
    connection.manager.xid = 0x7fff_ffff
    for (const path of ['/a', '/b', '/c'])
      await connection.call<unknown>({ operation: 'exists', path: path, isQuorumWrite: never }, answered =>
        connection.library.exists(path, answered),
      )
    assert.deepEqual(
      fake.received(OP.exists).map(({ xid }) => xid),
      [0, 1, 2],
    )
  })

  it('rejects at once a call that the library refuses to send', async t => {
    const fake = await FakeZooKeeper.start(t, TIMEOUT_MS)
    const connection = connectionTo(fake.port)
    atEnd(t, () => connection.abandon('end of test'))
    connection.connect()
    await eventually(() => connection.connected, { message: 'connected' })
    await assert.rejects(
      connection.call<unknown>({ operation: 'exists', path: '/a/../b', isQuorumWrite: never }, answered =>
        connection.library.exists('/a/../b', answered),
      ),
      error => isGroupError(error, 'ZOOKEEPER_REFUSED'),
    )
    assert.equal(connection.connected, true)
  })
})

const never = (): boolean => false

function connectionTo(port: number): SessionConnection {
  return new SessionConnection(
    { servers: [{ host: '127.0.0.1', port }], sessionTimeoutMs: TIMEOUT_MS, logger: silentLogger },
    { connected() {}, disconnected() {}, expired() {}, written() {} },
  )
}
