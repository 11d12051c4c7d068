import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { monotonicMs } from '#src/shared/clock.js'
import { GroupError, isGroupError, type ErrorCode } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import type { Lease } from '#src/shared/memory/group-memory.js'
import type { ZooKeeperClient } from '#src/coordinator/storage/zookeeper/client.js'
import { Session } from '#src/coordinator/storage/zookeeper/session.js'
import { atEnd, type Owner } from '../../../../support/cleanup.ts'
import { failOnLeaks } from '../../../../support/leaks.ts'
import { eventually } from '../../../../support/eventually.ts'
import {
  checksPassed,
  FakeZooKeeper,
  handshake,
  OP,
  reply,
  type Script,
} from '../../../../support/fake-zookeeper.ts'
import { thrown } from '../../../../support/group-error.ts'
import { LEVEL, loggerInMemory, type LogLine } from '../../../../support/logger-in-memory.ts'

failOnLeaks()

const TIMEOUT_MS = 900
const LEASE_MS = (TIMEOUT_MS * 2) / 3
const forever = new AbortController().signal

interface Subject {
  readonly fake: FakeZooKeeper
  readonly session: Session
  readonly events: string[]
  readonly leases: Lease[]
  readonly lines: LogLine[]
  readonly wait: (event: string, times?: number) => Promise<unknown>
  verify: (client: ZooKeeperClient) => Promise<void>
}

const heartbeat = async (client: ZooKeeperClient): Promise<void> => {
  await client.multi([{ type: 'check', path: '/id', version: 0 }])
}

/** A session with a scripted server, connected and sending heartbeats. */
async function sessionOf(t: Owner, script: Script = {}, addresses = 1): Promise<Subject> {
  const fake = await FakeZooKeeper.start(t, TIMEOUT_MS, script)
  const events: string[] = []
  const leases: Lease[] = []
  const { logger, lines } = loggerInMemory()
  const tell = (event: string) => (): void => void events.push(event)
  const servers = new Array(addresses).fill({ host: '127.0.0.1', port: fake.port })
  const session = new Session(
    { servers, sessionTimeoutMs: TIMEOUT_MS, logger },
    {
      leaseRenewed: lease => leases.push(lease),
      leaseOver: tell('leaseOver'),
      disconnected: tell('disconnected'),
      restored: tell('restored'),
      expired: tell('expired'),
      reconnected: client => subject.verify(client),
    },
  )
  atEnd(t, () => session.close())
  const wait = (event: string, times = 1): Promise<unknown> =>
    eventually(() => events.filter(seen => seen === event).length >= times, {
      message: () => `${event}: ${events.join()}`,
    })
  const subject: Subject = { fake, session, events, leases, lines, wait, verify: async () => {} }
  await session.connect(forever)
  session.startHeartbeat(heartbeat)
  await eventually(() => leases.length >= 1, { message: 'first lease' })
  return subject
}

describe('the ZooKeeper session', () => {
  it('keeps the lease by a heartbeat every sixth of the timeout', async t => {
    const { fake, events, leases } = await sessionOf(t)
    const first = leases[0]!
    await eventually(() => leases.length >= 7, { message: 'seven renewals' })
    const elapsedMs = leases[6]!.monoMs - first.monoMs
    assert.ok(elapsedMs > 0.95 * TIMEOUT_MS && elapsedMs < 1.3 * TIMEOUT_MS, `${elapsedMs} ms`)
    assert.ok(fake.received(OP.multi).length <= 8)
    assert.deepEqual(events, [])
  })

  it('is not kept by answers to reads and pings: without a quorum write the lease is over', async t => {
    const { fake, session, events, leases, wait } = await sessionOf(t)
    session.startHeartbeat(async client => {
      if (leases.length < 3) await heartbeat(client)
      else await client.getData('/a')
    })
    await eventually(() => leases.length === 3, { message: 'third renewal' })
    const toldAt = wait('leaseOver').then(() => monotonicMs())
    const lateByMs = (await toldAt) - leases.at(-1)!.monoMs
    assert.ok(lateByMs >= 0 && lateByMs < 100, `told ${lateByMs} ms after the end`)
    const reads = fake.received(OP.get).length
    await eventually(() => fake.received(OP.get).length >= reads + 3, { message: 'more reads' })
    assert.equal(session.leaseHolds, false)
    assert.equal(leases.length, 3)
    assert.deepEqual(events, ['leaseOver'], 'the connection itself is well')
  })

  it('goes to another server in time when one answers everything but writes, and the lease never ends', async t => {
    let isCutOff = false
    const script: Script = { onRequest: (_, { type }, nth) => isCutOff && nth === 1 && type === OP.multi }
    const subject = await sessionOf(t, script, 2)
    subject.verify = heartbeat
    const { fake, session, events, leases, wait } = subject
    await eventually(() => leases.length >= 2)
    isCutOff = true
    await wait('restored')
    const known = leases.length
    await eventually(() => leases.length > known + 1, { message: 'the other one renews it' })
    assert.deepEqual(events, ['disconnected', 'restored'])
    assert.equal(session.leaseHolds, true)
    assert.equal(fake.connections.length, 2)
  })

  it('stays where it is when there is no other server', async t => {
    let isSilent = false
    const { fake, events, wait } = await sessionOf(t, {
      onRequest: (_, { type }) => isSilent && type === OP.multi,
    })
    isSilent = true
    await wait('leaseOver')
    assert.equal(events[0], 'leaseOver', 'before the connection is given up as silent')
    assert.ok(fake.connections.length <= 2)
  })

  it('does not renew the lease beyond what the send time allows, when a frozen process reads its socket', async t => {
    let freezeNow = false
    const { session, events, leases, wait } = await sessionOf(t, {
      onRequest: (connection, { xid, type }) => {
        if (type !== OP.multi || !freezeNow) return false
        freezeNow = false
        connection.send(reply(xid, 0, checksPassed())) // in the socket before the process stands still
        block(LEASE_MS + 100)
        return true
      },
    })
    freezeNow = true
    await wait('leaseOver')
    const known = leases.length
    assert.equal(events.length, 1)
    await eventually(() => leases.length > known, { message: 'renewed by a new heartbeat' })
    assert.ok(leases.every((lease, index) => index === 0 || lease.monoMs > leases[index - 1]!.monoMs))
    assert.equal(session.leaseHolds, true)
  })

  it('counts the lease from the send time, also when the answer is slow', async t => {
    const delayMs = 200
    const { leases } = await sessionOf(t, {
      onRequest: (connection, { xid, type }) => {
        if (type === OP.multi) setTimeout(() => connection.send(reply(xid, 0, checksPassed())), delayMs)
        return type === OP.multi
      },
    })
    for (let seen = 0; seen < 3; seen += 1) {
      await eventually(() => leases.length > seen, { intervalMs: 1, message: 'renewed' })
      assert.ok(leases.at(-1)!.monoMs - monotonicMs() <= LEASE_MS - delayMs + 1)
    }
  })

  it('counts as restored only when claims are verified, and renews the lease only then', async t => {
    const subject = await sessionOf(t)
    const { fake, session, events, leases, wait } = subject
    let verified = (): void => {}
    subject.verify = async client => {
      await heartbeat(client)
      await new Promise<void>(resolve => (verified = resolve))
    }
    fake.last.socket.destroy()
    await wait('disconnected')
    await eventually(() => fake.connections.length === 2, { message: 'second connection' })
    const held = leases.length
    await wait('leaseOver')
    assert.equal(session.state, 'disconnected')
    assert.throws(() => session.clientFor('commit', '/x'), withCode('ZOOKEEPER_DISCONNECTED'))
    assert.equal(leases.length, held)
    subject.verify = heartbeat // on a machine so busy that the session is cut again, nobody would end the wait above a second time
    verified()
    await wait('restored')
    await eventually(() => leases.length > held, { message: 'renewed again' })
    assert.deepEqual(events.slice(0, 3), ['disconnected', 'leaseOver', 'restored'])
  })

  it('verifies again when the connection is lost while it verifies', async t => {
    const subject = await sessionOf(t)
    const { fake, session, events, wait } = subject
    let verifications = 0
    subject.verify = async client => {
      verifications += 1
      if (verifications === 1) fake.last.socket.destroy()
      await heartbeat(client)
    }
    fake.last.socket.destroy()
    await wait('restored')
    assert.equal(verifications, 2)
    assert.deepEqual(events, ['disconnected', 'restored'])
    assert.equal(session.state, 'connected')
  })

  it('tells that the lease is over before it tells that the session expired, and starts afresh when asked to', async t => {
    const { fake, session, events, wait } = await sessionOf(t, {
      onConnect: (connection, nth) => {
        if (nth === 2) connection.send(handshake(0, 0n))
        if (nth === 3) connection.send(handshake(TIMEOUT_MS, 99n))
        return nth === 2 || nth === 3
      },
    })
    const first = await session.connect(forever)
    fake.last.socket.destroy()
    await wait('expired')
    assert.deepEqual(events, ['disconnected', 'leaseOver', 'expired'])
    assert.equal(session.state, 'expired')
    assert.throws(() => session.clientFor('commit', '/x'), withCode('SESSION_EXPIRED'))
    const second = await session.connect(forever)
    assert.notEqual(second, first)
    assert.equal(second.sessionId, 99n)
    assert.ok(
      fake.last.handshake!.subarray(16, 24).every(byte => byte === 0),
      'asks for a new session',
    )
    assert.throws(() => session.assertUsable(first, 'commit', '/x'), withCode('SESSION_EXPIRED'))
    assert.equal(session.leaseHolds, false, 'no lease before the first heartbeat')
  })

  it('is kept when a heartbeat is refused and a later one is not', async t => {
    const { session, events, leases, lines } = await sessionOf(t)
    let refusals = 0
    session.startHeartbeat(async client => {
      if (refusals++ === 0) throw new Error('not now')
      await heartbeat(client)
    })
    const before = leases.length
    await eventually(() => leases.length > before + 1, { message: 'renewed' })
    assert.ok(lines.some(({ msg }) => msg.includes('a heartbeat was refused')))
    assert.deepEqual(events, [])
  })

  it('gives the session up when its heartbeat is refused for good, and says so to the server', async t => {
    const { fake, session, events, lines, wait } = await sessionOf(t)
    session.startHeartbeat(() => Promise.reject(new Error('the id belongs to somebody else')))
    await wait('expired')
    assert.match(lines.find(({ level }) => level === LEVEL.error)!.err.message, /belongs to somebody else/)
    assert.deepEqual(events.slice(-2), ['leaseOver', 'expired'])
    await eventually(() => fake.received(OP.close).length === 1, { message: 'goodbye' })
  })

  it('is given up at once when the id of the member is taken', async t => {
    const { session, events, wait } = await sessionOf(t)
    session.startHeartbeat(() => Promise.reject(new GroupError('MEMBER_ID_TAKEN', 'somebody else')))
    const startedAt = monotonicMs()
    await wait('expired')
    assert.ok(monotonicMs() - startedAt < LEASE_MS, 'before the lease is over')
    assert.deepEqual(events, ['leaseOver', 'expired'])
  })

  it('keeps trying for as long as nobody answers, and stops when nobody waits any more', async t => {
    const fake = await FakeZooKeeper.start(t, TIMEOUT_MS, { onConnect: () => true })
    const listener = {
      leaseRenewed() {},
      leaseOver() {},
      disconnected() {},
      restored() {},
      expired() {},
      reconnected: () => Promise.resolve(),
    }
    const servers = [{ host: '127.0.0.1', port: fake.port }]
    const session = new Session({ servers, sessionTimeoutMs: TIMEOUT_MS, logger: silentLogger }, listener)
    const patience = new AbortController()
    const connecting = session.connect(patience.signal)
    await eventually(() => fake.connections.length >= 3, { message: 'three attempts' })
    assert.equal(session.state, 'unconnected')
    patience.abort(new Error('enough'))
    await assert.rejects(connecting, /enough/)
    await eventually(() => fake.connections.every(({ isOpen }) => !isOpen), { message: 'no socket left' })
    fake.script = {}
    await session.connect(forever)
    await session.close()
    assert.equal(session.state, 'closed')
  })

  it('rejects what waits for a connection when it is closed', async t => {
    const { fake, session, events, wait } = await sessionOf(t, { onConnect: (_connection, nth) => nth > 1 })
    const client = await session.connect(forever)
    fake.last.socket.destroy()
    await wait('disconnected')
    const waiting = session.whenUsable(client, 'claim', '/x', forever)
    const closing = session.close()
    await assert.rejects(waiting, withCode('NOT_RUNNING'))
    await closing
    await session.close()
    await assert.rejects(session.connect(forever), withCode('NOT_RUNNING'))
    assert.deepEqual(events, ['disconnected', 'leaseOver'])
  })

  it('takes no heartbeat any more once it is closed', async t => {
    const { session } = await sessionOf(t)
    const closing = session.close()
    thrown(() => session.startHeartbeat(heartbeat), 'NOT_RUNNING')
    await closing
    thrown(() => session.startHeartbeat(heartbeat), 'NOT_RUNNING')
  })

  it('is closed while it verifies claims without calling that an error', async t => {
    let answerLate = (): void => {}
    const subject = await sessionOf(t, {
      onRequest: (connection, { xid, type }, nth) => {
        if (type === OP.close) answerLate()
        if (nth === 1 || type !== OP.multi) return false
        answerLate = () => connection.send(reply(xid, 0, checksPassed()))
        return true
      },
    })
    const { fake, session, lines } = subject
    subject.verify = async client => {
      await heartbeat(client)
      await client.getData('/a')
    }
    fake.last.socket.destroy()
    await eventually(
      () => fake.connections.length === 2 && fake.last.requests.some(({ type }) => type === OP.multi),
    )
    await session.close()
    assert.ok(lines.every(({ level }) => level < LEVEL.error))
  })
})

function withCode(code: ErrorCode): (error: unknown) => boolean {
  return error => isGroupError(error, code)
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
