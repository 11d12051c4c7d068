import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { isGroupError, type ErrorCode } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { ZooKeeperClient } from '#src/coordinator/storage/zookeeper/client.js'
import { hasEnded } from '#src/coordinator/storage/zookeeper/ended-sessions.js'
import { atEnd, type Owner } from '../../../../support/cleanup.ts'
import { failOnLeaks } from '../../../../support/leaks.ts'
import { eventually } from '../../../../support/eventually.ts'
import {
  checksPassed,
  FakeZooKeeper,
  type FakeConnection,
  type FakeRequest,
  handshake,
  multiFailed,
  nodeEvent,
  OP,
  reply,
  SESSION_ID,
  type Script,
} from '../../../../support/fake-zookeeper.ts'
import { LEVEL, loggerInMemory, type LogLine } from '../../../../support/logger-in-memory.ts'

failOnLeaks()

const TIMEOUT_MS = 900
const CLOSE_MS = 300

interface Subject {
  readonly fake: FakeZooKeeper
  readonly client: ZooKeeperClient
  readonly events: string[]
  readonly lines: LogLine[]
  readonly connected: () => Promise<unknown>
}

/** A client of a scripted server; it is abandoned when the test ends. */
async function clientOf(t: Owner, script: Script = {}, timeoutMs = TIMEOUT_MS): Promise<Subject> {
  const fake = await FakeZooKeeper.start(t, timeoutMs, script)
  const events: string[] = []
  const { logger, lines } = loggerInMemory()
  const client = new ZooKeeperClient(
    { servers: [{ host: '127.0.0.1', port: fake.port }], sessionTimeoutMs: timeoutMs, logger },
    {
      connected: () => events.push('connected'),
      disconnected: () => events.push('disconnected'),
      expired: () => events.push('expired'),
      written: () => events.push('written'),
    },
  )
  atEnd(t, () => client.abandon('end of test'))
  return {
    fake,
    client,
    events,
    lines,
    connected: () => eventually(() => client.connected, { message: 'connected' }),
  }
}

async function connectedClientOf(t: Owner, script: Script = {}, timeoutMs = TIMEOUT_MS): Promise<Subject> {
  const subject = await clientOf(t, script, timeoutMs)
  subject.client.connect()
  await subject.connected()
  return subject
}

function withCode(code: ErrorCode): (error: unknown) => boolean {
  return error => isGroupError(error, code)
}

/** Answers nothing but the handshake. */
const mute: Script = { onRequest: () => true }

describe('the ZooKeeper client', () => {
  it('takes a silent server for a lost connection after two thirds of the session, and rejects what waits (Z1)', async t => {
    const { fake, client, events } = await connectedClientOf(t, mute)
    const start = performance.now()
    await assert.rejects(client.getData('/a'), withCode('ZOOKEEPER_DISCONNECTED'))
    const elapsedMs = performance.now() - start
    assert.ok(elapsedMs > 0.6 * TIMEOUT_MS && elapsedMs < 0.9 * TIMEOUT_MS, `${elapsedMs} ms`)
    assert.deepEqual(events.slice(0, 2), ['connected', 'disconnected'])
    await eventually(() => fake.connections.length > 1 && client.connected, { message: 'connected again' })
  })

  it('stays connected to an idle server that answers pings (Z1)', async t => {
    const { fake, events } = await connectedClientOf(t)
    await eventually(() => fake.received(OP.ping).length >= 4, { message: 'several pings' })
    assert.deepEqual(events, ['connected'])
    assert.equal(fake.connections.length, 1)
  })

  it('does not take its own blocked event loop for a silent server (Z1)', async t => {
    let blocked = false
    const { fake, client, events } = await connectedClientOf(t, {
      onRequest: (connection, { xid, type }) => {
        if (type !== OP.get || blocked) return false
        connection.send(reply(xid, -101))
        block(1.5 * TIMEOUT_MS) // the answer waits in the kernel, every timer is due
        return (blocked = true)
      },
    })
    assert.equal(await client.getData('/a'), null)
    assert.equal(await client.getData('/b'), null)
    assert.deepEqual(events, ['connected'])
    assert.equal(fake.connections.length, 1)
  })

  it('lets a server answer after it stood still itself and asked nothing (Z1)', async t => {
    const { fake, events } = await connectedClientOf(t)
    await eventually(() => fake.received(OP.ping).length > 0, { message: 'a ping' })
    await setImmediate() // its answer has been read
    block(0.9 * TIMEOUT_MS)
    await eventually(() => fake.received(OP.ping).length >= 3, { message: 'pings again' })
    assert.deepEqual(events, ['connected'])
    assert.equal(fake.connections.length, 1)
  })

  it('tries again when a server accepts and never answers the handshake (Z2)', async t => {
    const { fake, connected, client } = await clientOf(t, { onConnect: (_connection, nth) => nth < 3 })
    client.connect()
    await connected()
    assert.equal(fake.connections.length, 3)
    assert.equal(fake.connections[0]!.isOpen, false)
  })

  it('forgets a half-received answer when the connection is lost (Z3)', async t => {
    const { fake, client, connected, events } = await connectedClientOf(t, {
      onRequest: (connection, { xid }, nth) => {
        if (nth > 1) return false
        connection.send(reply(xid, 0, Buffer.alloc(200)).subarray(0, 100))
        connection.socket.end()
        return true
      },
    })
    await assert.rejects(client.getData('/a'), withCode('ZOOKEEPER_DISCONNECTED'))
    await connected()
    assert.equal(await client.getData('/a'), null)
    assert.equal(fake.connections.length, 2)
    assert.deepEqual(events, ['connected', 'disconnected', 'connected'])
  })

  it('never sees a phantom expiry in what an earlier connection left half-read (Z3)', async t => {
    const { client, connected, events } = await connectedClientOf(t, {
      onRequest: (connection, { xid }, nth) => {
        if (nth > 1) return false
        connection.send(reply(xid, 0, Buffer.alloc(200)).subarray(0, 212)) // eight bytes short
        connection.socket.end()
        return true
      },
    })
    await assert.rejects(client.getData('/a'), withCode('ZOOKEEPER_DISCONNECTED'))
    await connected()
    assert.ok(!events.includes('expired'))
    assert.equal(client.sessionId, SESSION_ID)
  })

  it('takes a handshake of the wrong length for damage, not for an answer (Z3)', async t => {
    const { fake, client, connected, events } = await clientOf(t, {
      onConnect: (connection, nth) => {
        if (nth === 1) connection.send(tooLong(handshake(TIMEOUT_MS, 7n)))
        return nth === 1
      },
    })
    client.connect()
    await connected()
    assert.equal(fake.connections.length, 2)
    assert.deepEqual(events, ['connected'])
  })

  it('rejects a call that is answered with a code the library does not know, and goes on (Z4)', async t => {
    const quotaExceeded = -125
    const { fake, client, events } = await connectedClientOf(t, {
      onRequest: (connection, { xid, type }) => {
        if (type === OP.get) connection.send(reply(xid, quotaExceeded))
        if (type === OP.multi) connection.send(reply(xid, 0, multiFailed(quotaExceeded)))
        return type === OP.get || type === OP.multi
      },
    })
    await assert.rejects(
      client.getData('/a'),
      error => isGroupError(error, 'ZOOKEEPER_REFUSED') && error.details['answer'] === 'QUOTA_EXCEEDED',
    )
    const result = await client.multi([{ type: 'check', path: '/a', version: 0 }])
    assert.deepEqual(result, { committed: false, failedAt: 0, answer: 'QUOTA_EXCEEDED' })
    assert.deepEqual(events, ['connected'])
    assert.equal(fake.connections.length, 1)
  })

  it('reconnects when the server says that the session has moved or is gone (Z4)', async t => {
    for (const code of [-118, -112]) {
      const { client, connected, events } = await connectedClientOf(t, {
        onRequest: (connection, { xid }, nth) => {
          if (nth === 1) connection.send(reply(xid, code))
          return nth === 1
        },
      })
      await assert.rejects(
        client.getData('/a'),
        withCode(code === -118 ? 'ZOOKEEPER_DISCONNECTED' : 'SESSION_EXPIRED'),
      )
      await eventually(() => events.includes('disconnected'), { message: 'cut' })
      await connected()
      assert.equal(await client.getData('/a'), null)
    }
  })

  it('survives an answer that cannot be read, by reconnecting (Z4)', async t => {
    const { client, connected, fake, lines } = await connectedClientOf(t, {
      onRequest: (connection, { xid }, nth) => {
        if (nth === 1) connection.send(reply(xid, 0, Buffer.from([0, 0, 0x7f, 0xff])))
        return nth === 1
      },
    })
    await assert.rejects(client.getData('/a'), withCode('ZOOKEEPER_DISCONNECTED'))
    await connected()
    assert.equal(fake.connections.length, 2)
    assert.match(lines.find(({ level }) => level === LEVEL.warn)!.err.message, /./)
  })

  it('ends the session on the server when it is closed', async t => {
    const { fake, client, events } = await connectedClientOf(t)
    await client.close(CLOSE_MS)
    await client.close(CLOSE_MS)
    assert.equal(fake.received(OP.close).length, 1)
    assert.deepEqual(events, ['connected'])
    await assert.rejects(client.getData('/a'), withCode('NOT_RUNNING'))
  })

  it('waits for a connection to say goodbye when closed while it reconnects (Z5)', async t => {
    const { fake, client, events } = await connectedClientOf(t)
    fake.last.socket.destroy()
    await eventually(() => events.includes('disconnected'), { message: 'disconnected' })
    await client.close(5_000)
    assert.equal(fake.connections.length, 2)
    assert.equal(fake.received(OP.close).length, 1)
    assert.deepEqual(events, ['connected', 'disconnected'])
  })

  it('leaves the server alone after the deadline when closed without a connection (Z5)', async t => {
    const { fake, client, events } = await connectedClientOf(t, { onConnect: (_connection, nth) => nth > 1 })
    fake.last.socket.destroy()
    await eventually(() => events.includes('disconnected'), { message: 'disconnected' })
    const start = performance.now()
    await client.close(CLOSE_MS)
    assert.ok(performance.now() - start < CLOSE_MS + 200)
    assert.ok(hasEnded(client.sessionId), 'nodes of the session may be deleted by its successor')
    const tried = fake.connections.length
    await eventually(() => !fake.last.isOpen, { message: 'the last socket is closed' })
    assert.equal(fake.connections.length, tried)
  })

  it('gives up at the deadline when the goodbye is not answered (Z5)', async t => {
    const { client } = await connectedClientOf(t, mute)
    const start = performance.now()
    await client.close(CLOSE_MS)
    assert.ok(performance.now() - start < CLOSE_MS + 200)
  })

  it('leaves no timer and no socket behind, wherever it is cut off', async t => {
    const fake = await FakeZooKeeper.start(t, TIMEOUT_MS, { onConnect: (_connection, nth) => nth % 2 === 0 })
    const before = resources()
    const listener = { connected() {}, disconnected() {}, expired() {}, written() {} }
    const servers = [{ host: '127.0.0.1', port: fake.port }]
    const options = { servers, sessionTimeoutMs: TIMEOUT_MS, logger: silentLogger }
    const [connected, handshaking, waiting] = [0, 1, 2].map(() => new ZooKeeperClient(options, listener))
    connected!.connect()
    await eventually(() => connected!.connected, { message: 'connected' })
    handshaking!.connect()
    waiting!.connect()
    connected!.abandon('test')
    handshaking!.abandon('test')
    waiting!.abandon('test')
    await eventually(() => resources() <= before, { message: () => process.getActiveResourcesInfo().join() })
  })

  it('may be closed before it was ever connected (Z6)', async t => {
    const { client, events } = await clientOf(t)
    await client.close(CLOSE_MS)
    assert.deepEqual(events, [])
  })

  it('may be closed during its first handshake (Z5)', async t => {
    const { fake, client, events } = await clientOf(t, { onConnect: () => true })
    client.connect()
    await eventually(() => fake.connections.some(({ handshake: asked }) => asked !== null), {
      message: 'the handshake was asked for',
    })
    await client.close(CLOSE_MS)
    await eventually(() => !fake.last.isOpen, { message: 'the socket is closed' })
    assert.deepEqual(events, [])
  })

  it('sends nothing later that was asked for without a connection (Z7)', async t => {
    const { fake, client, connected, events } = await connectedClientOf(t)
    fake.last.socket.destroy()
    await eventually(() => events.includes('disconnected'), { message: 'disconnected' })
    await assert.rejects(client.create('/late', null, 'persistent'), withCode('ZOOKEEPER_DISCONNECTED'))
    await connected()
    await client.getData('/a')
    assert.equal(fake.received(OP.create).length, 0)
  })

  it('sends nothing after a reconnect that was put by for an earlier connection (Z7, Z15)', async t => {
    const { fake, client, connected } = await connectedClientOf(t, {
      onConnect: (connection, nth) => {
        if (nth === 2) connection.socket.end() // before the handshake, when the library has put its watches by
        return nth === 2
      },
      onRequest: nodesAreEmpty,
    })
    client.onNodeEvent('/a', () => {})
    await client.getData('/a', true)
    fake.last.socket.destroy()
    await eventually(() => fake.connections.length === 3, { message: 'third connection' })
    await connected()
    await client.getData('/b')
    assert.deepEqual(
      fake.last.requests.map(({ type }) => type),
      [OP.setWatches, OP.get],
    )
  })

  it('rejects every call that waits when the session expires, and every later one (Z7, Z12)', async t => {
    const { fake, client, events } = await connectedClientOf(t, {
      ...mute,
      onConnect: (connection, nth) => {
        if (nth > 1) connection.send(handshake(0, 0n))
        return nth > 1
      },
    })
    const call = client.getData('/a')
    fake.last.socket.destroy()
    await assert.rejects(call, withCode('ZOOKEEPER_DISCONNECTED'))
    await eventually(() => events.includes('expired'), { message: 'expired' })
    assert.deepEqual(events, ['connected', 'disconnected', 'expired'])
    await assert.rejects(client.getData('/a'), withCode('SESSION_EXPIRED'))
    await eventually(() => !fake.last.isOpen, { message: 'the socket is closed' })
    assert.equal(fake.connections.length, 2, 'an expired client does not reconnect')
  })

  it('ends each call that is never answered within one session timeout, whatever else is answered (Z7)', async t => {
    const { fake, client } = await connectedClientOf(t, {
      onRequest: (_connection, { type }) => type === OP.get,
    })
    const start = performance.now()
    await assert.rejects(client.getData('/a'), withCode('ZOOKEEPER_DISCONNECTED'))
    assert.ok(performance.now() - start < 1.3 * TIMEOUT_MS)
    assert.ok(fake.received(OP.ping).length > 0)
  })

  it('lets the event loop turn between a lost call and its repetition (Z8)', async t => {
    const { fake, client } = await connectedClientOf(t, mute)
    let attempts = 0
    const retrying = (async () => {
      while (attempts < 50)
        try {
          attempts += 1
          await client.getData('/a')
        } catch {
          // what this test counts
        }
    })()
    fake.last.socket.destroy()
    await eventually(() => attempts === 50, { message: 'all attempts failed' })
    await retrying
  })

  it('sends version 0 in a transaction as version 0 (Z10)', async t => {
    const { fake, client } = await connectedClientOf(t)
    await client.multi([{ type: 'check', path: '/a', version: 0 }])
    const { body } = fake.received(OP.multi)[0]!
    const path = Buffer.from('/a')
    assert.equal(body.readInt32BE(body.indexOf(path) + path.length), 0)
  })

  it('hears events of a node once per watch, also with several listeners, and none after the last one went (Z14)', async t => {
    const { fake, client } = await connectedClientOf(t, {
      onRequest: nodesAreEmpty,
    })
    const heard: string[] = []
    const stopFirst = client.onNodeEvent('/a', event => heard.push(`first ${event}`))
    const stopSecond = client.onNodeEvent('/a', event => heard.push(`second ${event}`))
    await client.getData('/a', true)
    await client.getData('/a', true)
    fake.last.send(nodeEvent(2, '/a'))
    await eventually(() => heard.length >= 2, { message: 'both heard' })
    stopFirst()
    await client.getData('/a', true)
    fake.last.send(nodeEvent(3, '/a'))
    await eventually(() => heard.length >= 3, { message: 'the second heard' })
    await client.getData('/a', true)
    stopSecond()
    fake.last.socket.destroy()
    await eventually(() => fake.connections.length === 2 && client.connected, { message: 'connected again' })
    fake.last.send(nodeEvent(3, '/a'))
    await client.getData('/a')
    assert.deepEqual(heard, ['first deleted', 'second deleted', 'second changed'])
    assert.equal(fake.received(OP.setWatches).length, 0, 'a reconnect sends only watches that somebody needs')
  })

  it('lets an urgent call pass a crowd of others, and loses none of them', async t => {
    const held: FakeRequest[] = []
    const { fake, client } = await connectedClientOf(t, {
      onRequest: (connection, request) => {
        held.push(request)
        if (request.type === OP.get && fake.received(OP.multi).length === 0) return true
        for (const { xid, type } of held.splice(0))
          connection.send(type === OP.get ? reply(xid, -101) : reply(xid, 0, checksPassed()))
        return true
      },
    })
    const reads = Array.from({ length: 1_000 }, (_none, index) => client.getData(`/${index}`))
    const urgent = client.multi([{ type: 'check', path: '/id', version: 0 }], true)
    assert.equal((await urgent).committed, true)
    assert.ok(fake.received(OP.get).length <= 512, `${fake.received(OP.get).length} reads went before`)
    assert.deepEqual(new Set(await Promise.all(reads)), new Set([null]))
  })

  it('sends nothing of a crowd after the connection is lost', async t => {
    const { fake, client, connected } = await connectedClientOf(t, mute)
    const reads = Array.from({ length: 1_000 }, (_none, index) => client.getData(`/${index}`))
    fake.script = {}
    fake.last.socket.destroy()
    for (const outcome of await Promise.allSettled(reads))
      assert.ok(outcome.status === 'rejected' && isGroupError(outcome.reason, 'ZOOKEEPER_DISCONNECTED'))
    await connected()
    await client.getData('/after')
    assert.equal(fake.last.requests.length, 1)
  })

  it('refuses payloads that the server would cut the connection for (Z16)', async t => {
    const { fake, client } = await connectedClientOf(t)
    await assert.rejects(client.setData('/a', Buffer.alloc(600_000), 0), withCode('ZOOKEEPER_REFUSED'))
    assert.equal(fake.received(OP.set).length, 0)
  })

  it('tries the next server when one is silent, and an IPv6 address as it is (Z2, Z20)', async t => {
    const deaf = await FakeZooKeeper.start(t, TIMEOUT_MS, { onConnect: () => true })
    const good = await FakeZooKeeper.start(t, TIMEOUT_MS)
    const servers = [deaf, good].map(({ port }) => ({ host: '::ffff:127.0.0.1', port }))
    const listener = { connected() {}, disconnected() {}, expired() {}, written() {} }
    const options = { servers, sessionTimeoutMs: TIMEOUT_MS, logger: silentLogger }
    // Several, because each begins with a random server.
    const clients = Array.from({ length: 8 }, () => new ZooKeeperClient(options, listener))
    for (const client of clients) {
      atEnd(t, () => client.abandon('end of test'))
      client.connect()
    }
    await eventually(() => clients.every(client => client.connected), { message: 'all connected' })
  })

  it('does not hammer a server that accepts sessions and then drops them', async t => {
    const { fake, client } = await clientOf(t, {
      onConnect: connection => {
        connection.send(handshake(TIMEOUT_MS))
        connection.socket.end()
        return true
      },
    })
    client.connect()
    await eventually(() => fake.connections.length >= 4, { message: 'a few attempts' })
    const start = performance.now()
    const before = fake.connections.length
    await eventually(() => fake.connections.length >= before + 2, { message: 'two more attempts' })
    assert.ok(performance.now() - start > 100, 'attempts are spaced out')
  })

  it('tells of a write only when it has succeeded', async t => {
    const { client, events } = await connectedClientOf(t, {
      onRequest: (connection, { xid, type }, nth) => {
        if (type !== OP.multi || nth !== 1) return false
        connection.send(reply(xid, 0, multiFailed(-103)))
        return true
      },
    })
    await client.multi([{ type: 'check', path: '/a', version: 3 }])
    await client.getData('/a')
    assert.deepEqual(events, ['connected'])
    await client.remove('/a', 0)
    assert.deepEqual(events, ['connected', 'written'])
  })
})

/** Reads find a node without data; the stat is all zeros. */
function nodesAreEmpty(connection: FakeConnection, { xid, type }: FakeRequest): boolean {
  if (type !== OP.get) return false
  const body = Buffer.alloc(4 + 68)
  body.writeInt32BE(-1, 0)
  connection.send(reply(xid, 0, body))
  return true
}

/** Timers and client sockets of this process. */
function resources(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout' || name === 'TCPSocketWrap')
    .length
}

function tooLong(frame: Buffer): Buffer {
  const bytes = Buffer.concat([frame, Buffer.alloc(20)])
  bytes.writeInt32BE(bytes.length - 4, 0)
  return bytes
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
