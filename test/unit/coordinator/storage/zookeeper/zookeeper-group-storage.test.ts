import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZooKeeperGroupStorage } from '#src/coordinator/storage/zookeeper/zookeeper-group-storage.js'
import { atEnd, type Owner } from '../../../../support/cleanup.ts'
import { eventually } from '../../../../support/eventually.ts'
import {
  FakeZooKeeper,
  handshake,
  multiFailed,
  nodeBody,
  nodeEvent,
  OP,
  pathOf,
  reply,
  SESSION_ID,
  statBody,
  textBody,
  type FakeConnection,
  type FakeRequest,
  type Script,
} from '../../../../support/fake-zookeeper.ts'
import { rejection } from '../../../../support/group-error.ts'
import { failOnLeaks } from '../../../../support/leaks.ts'
import { LEVEL, loggerInMemory, type LogLine } from '../../../../support/logger-in-memory.ts'

failOnLeaks()

const TIMEOUT_MS = 900
const NODE_EXISTS = -110
const NO_NODE = -101
const NO_AUTH = -102
const CHANGED = 3
const STRANGER = 77n
const ID_PATH = '/consumers/g/ids/m'
const OWNER_PATH = '/consumers/g/owners/t/0'
const OFFSET_PATH = '/consumers/g/offsets/t/0'
const forever = new AbortController().signal
const member = { memberId: 'm', subscription: { t: 1 } }

interface Subject {
  readonly fake: FakeZooKeeper
  readonly storage: ZooKeeperGroupStorage
  readonly lines: LogLine[]
  readonly events: string[]
}

/** An open storage on a scripted server, until the test ends. */
async function openStorage(t: Owner, script: Script): Promise<Subject> {
  const fake = await FakeZooKeeper.start(t, TIMEOUT_MS, script)
  const { logger, lines } = loggerInMemory()
  const storage = new ZooKeeperGroupStorage({
    servers: [`127.0.0.1:${fake.port}`],
    chroot: '',
    sessionTimeoutMs: TIMEOUT_MS,
    connectTimeoutMs: 2_000,
    logger,
  })
  atEnd(t, () => storage.close())
  const events: string[] = []
  const tell = (event: string) => (): void => void events.push(event)
  await storage.open({
    leaseRenewed() {},
    leaseOver: tell('leaseOver'),
    disconnected: tell('disconnected'),
    restored: tell('restored'),
    expired: tell('expired'),
    claimLost: tell('claimLost'),
    foreignWrite: tell('foreignWrite'),
    membersChanged: tell('membersChanged'),
    planChanged: () => {},
    topicsChanged: tell('topicsChanged'),
  })
  return { fake, storage, lines, events }
}

/** Every node is there; those below the group belong to this session. */
function answerFrom(connection: FakeConnection, request: FakeRequest, ephemeralOwner: bigint): boolean {
  const { xid, type } = request
  if (type === OP.exists) connection.send(reply(xid, 0, statBody()))
  else if (type === OP.get) connection.send(reply(xid, 0, nodeBody({ data: '5', ephemeralOwner })))
  else if (type === OP.set) connection.send(reply(xid, 0, statBody({ version: 1 })))
  else if (type === OP.create && ephemeralOwner === STRANGER) connection.send(reply(xid, NODE_EXISTS))
  else if (type === OP.create) connection.send(reply(xid, 0, textBody(pathOf(request))))
  else return false
  return true
}

function creations({ fake }: Subject, path: string): FakeRequest[] {
  return fake.received(OP.create).filter(request => pathOf(request) === path)
}

describe('a join', () => {
  it('is one however often it is asked for', async t => {
    const subject = await openStorage(t, {
      onRequest: (connection, request) => answerFrom(connection, request, SESSION_ID),
    })
    const { storage } = subject
    await Promise.all([storage.join('g', member, forever), storage.join('g', member, forever)])
    assert.equal(creations(subject, ID_PATH).length, 1)
    await rejection(storage.join('g', member, forever), 'INTERNAL')
  })

  it('goes on in a new session when its own expires, and nobody is told to begin another', async t => {
    const second = 99n
    let holder = STRANGER
    const subject = await openStorage(t, {
      onConnect: (connection, nth) => {
        if (nth > 1) connection.send(nth === 2 ? handshake(0, 0n) : handshake(TIMEOUT_MS, second))
        return nth > 1
      },
      onRequest: (connection, request) => answerFrom(connection, request, holder),
    })
    const { fake, storage, events, lines } = subject
    const joining = storage.join('g', member, forever)
    await eventually(() => lines.some(({ msg }) => msg.includes('memberId is in use')))
    holder = second
    fake.last.socket.destroy()
    await joining
    assert.deepEqual(events, ['disconnected'])
    assert.equal(storage.sessionState, 'connected')
    assert.equal((await storage.claim({ topic: 't', partition: 0 }, attempt())).partition, 0)
  })

  it('lets whatever still asks for the last membership know that its session is over, which passes', async t => {
    const held: (() => void)[] = []
    let holder = SESSION_ID
    const { fake, storage, events } = await openStorage(t, {
      onConnect: (connection, nth) => {
        if (nth > 1) connection.send(nth === 2 ? handshake(0, 0n) : handshake(TIMEOUT_MS, 99n))
        return nth > 1
      },
      onRequest: (connection, request) => {
        const answer = (): boolean => answerFrom(connection, request, holder)
        const registers = request.type === OP.create && pathOf(request) === ID_PATH
        if (holder === SESSION_ID || (!registers && held.length === 0)) return answer()
        held.push(answer) // what follows it, too: answers come in order
        return true
      },
    })
    await storage.join('g', member, forever)
    fake.last.socket.destroy()
    await eventually(() => events.includes('expired'))
    await rejection(storage.readMembers(), 'SESSION_EXPIRED')
    holder = 99n
    const joining = storage.join('g', member, forever)
    await eventually(() => held.length === 2, { message: 'it registers again and reads its node' })
    await rejection(storage.readMembers(), 'SESSION_EXPIRED')
    for (const answer of held.splice(0)) answer()
    await joining
  })

  it('that is overtaken by close makes nobody a member: nothing keeps the process alive', async t => {
    const held: (() => void)[] = []
    const { storage, events } = await openStorage(t, {
      onRequest: (connection, request) => {
        const answer = (): boolean => answerFrom(connection, request, SESSION_ID)
        if (request.type === OP.create && pathOf(request) === ID_PATH) held.push(answer)
        else if (request.type === OP.get) held.push(answer)
        else if (request.type === OP.close) {
          for (const late of held) late() // answered before the goodbye
          return false
        } else return answer()
        return true
      },
    })
    const joining = rejection(storage.join('g', member, forever), 'NOT_RUNNING')
    await eventually(() => held.length === 2, { message: 'both are sent' })
    await storage.close()
    await joining
    assert.deepEqual(events, [])
  })

  it('that is given up while it registers makes nobody a member', async t => {
    const patience = new AbortController()
    const { fake, storage } = await openStorage(t, {
      onRequest: (connection, request) => {
        if (request.type === OP.get && pathOf(request) === ID_PATH) patience.abort(new Error('enough'))
        return answerFrom(connection, request, SESSION_ID)
      },
    })
    await assert.rejects(storage.join('g', member, patience.signal), /enough/)
    await rejection(storage.claim({ topic: 't', partition: 0 }, attempt()), 'NOT_RUNNING')
    assert.deepEqual(fake.received(OP.remove).map(pathOf), [ID_PATH])
  })

  it('that is refused after it has registered leaves no id node behind', async t => {
    const { fake, storage } = await openStorage(t, {
      onRequest: (connection, request) => {
        if (request.type !== OP.exists || pathOf(request) !== '/consumers/g/owners/t')
          return answerFrom(connection, request, SESSION_ID)
        connection.send(reply(request.xid, NO_AUTH))
        return true
      },
    })
    await rejection(storage.join('g', member, forever), 'ZOOKEEPER_REFUSED')
    assert.deepEqual(fake.received(OP.remove).map(pathOf), [ID_PATH])
  })
})

describe('a member that has left', () => {
  it('hears nothing of the topics any more', async t => {
    const { fake, storage, events } = await openStorage(t, {
      onRequest: (connection, request) => answerFrom(connection, request, SESSION_ID),
    })
    await storage.join('g', member, forever)
    await storage.readTopics(['t'])
    fake.last.send(nodeEvent(CHANGED, '/brokers/topics/t'))
    await eventually(() => events.includes('topicsChanged'))
    await storage.readTopics(['t'])
    await storage.leave()
    events.length = 0
    fake.last.send(nodeEvent(CHANGED, '/brokers/topics/t'))
    await storage.listBrokers().catch(() => {}) // whatever it answers comes after the event
    assert.deepEqual(events, [])
  })
})

describe('pinning start offsets', () => {
  it('tells a refusal as it is, at once', async t => {
    let transactions = 0
    const { storage } = await openStorage(t, {
      onRequest: (connection, request) => {
        if (request.type === OP.get && pathOf(request) === OFFSET_PATH)
          connection.send(reply(request.xid, NO_NODE))
        else if (request.type !== OP.multi || !request.body.includes(OFFSET_PATH))
          return answerFrom(connection, request, SESSION_ID)
        else {
          transactions += 1
          connection.send(reply(request.xid, 0, multiFailed(NO_AUTH)))
        }
        return true
      },
    })
    await storage.join('g', member, forever)
    const start = { topic: 't', partition: 0, offset: 5, topicId: null }
    const error = await rejection(storage.pinStartOffsets([start]), 'ZOOKEEPER_REFUSED')
    assert.match(error.message, /NO_AUTH/)
    assert.equal(transactions, 1)
  })
})

describe('a claim', () => {
  it('whose reads are refused leaves no owner node behind', async t => {
    let isRefused = true
    const { fake, storage } = await openStorage(t, {
      onRequest: (connection, request) => {
        if (!isRefused || request.type !== OP.get || pathOf(request) !== OFFSET_PATH)
          return answerFrom(connection, request, SESSION_ID)
        isRefused = false
        connection.send(reply(request.xid, NO_AUTH))
        return true
      },
    })
    await storage.join('g', member, forever)
    await rejection(storage.claim({ topic: 't', partition: 0 }, attempt()), 'ZOOKEEPER_REFUSED')
    await eventually(() => fake.received(OP.remove).map(pathOf).includes(OWNER_PATH))
  })
})

describe('a connection that comes back', () => {
  it('may have missed changes of the group, for whoever has joined it', async t => {
    const { fake, storage, events } = await openStorage(t, {
      onRequest: (connection, request) => answerFrom(connection, request, SESSION_ID),
    })
    fake.last.socket.destroy()
    await eventually(() => events.includes('restored'))
    assert.deepEqual(events.splice(0), ['disconnected', 'restored'])
    await storage.join('g', member, forever)
    fake.last.socket.destroy()
    await eventually(() => events.includes('membersChanged'))
  })
})

describe('a log line about trouble with ZooKeeper', () => {
  it('carries the error where pino shows it, when an owner node cannot be read', async t => {
    let isRefused = false
    const { fake, storage, lines } = await openStorage(t, {
      onRequest: (connection, request) => {
        if (!isRefused || request.type !== OP.get) return answerFrom(connection, request, SESSION_ID)
        connection.send(reply(request.xid, NO_AUTH))
        return true
      },
    })
    await storage.join('g', member, forever)
    await storage.claim({ topic: 't', partition: 0 }, attempt())
    isRefused = true
    fake.last.send(nodeEvent(CHANGED, OWNER_PATH))
    const line = await eventually(() => lines.find(({ level }) => level === LEVEL.error))
    assert.match(line.err.message, /NO_AUTH/)
  })

  it('carries the error where pino shows it, when an owner node cannot be deleted', async t => {
    const { storage, lines } = await openStorage(t, {
      onRequest: (connection, request) => {
        if (request.type !== OP.remove) return answerFrom(connection, request, SESSION_ID)
        connection.send(reply(request.xid, NO_AUTH))
        return true
      },
    })
    await storage.join('g', member, forever)
    const patience = new AbortController()
    const claiming = storage.claim({ topic: 't', partition: 0 }, attempt(patience.signal))
    patience.abort(new Error('enough'))
    await assert.rejects(claiming, /enough/)
    const line = lines.find(({ level }) => level === LEVEL.error)!
    assert.match(line.msg, /could not be deleted/)
    assert.match(line.err.message, /NO_AUTH/)
  })
})

function attempt(signal = forever): { signal: AbortSignal; onRefused: () => void } {
  return { signal, onRefused() {} }
}
