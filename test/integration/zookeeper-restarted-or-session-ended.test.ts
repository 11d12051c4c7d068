// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Group } from '#src/index.js'
import { endSession } from '../support/end-session.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { countByRecord, firstDisorder, firstOverlap, Ledger, type LedgerEntry } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { privateStack, sharedStack } from '../support/stack.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const SESSION_MS = 2000
const LEASE_MS = (SESSION_MS * 2) / 3
const FREEZE_MS = SESSION_MS * 0.75
const TOLERANCE_MS = 5
const PARTITIONS = 2
const RECORDS = 1500
const BURN_MS = 1

interface Rig {
  readonly group: Group
  readonly groupId: string
  readonly topic: string
  readonly ledger: Ledger
  readonly zookeeper: string
  /** What it told, in order: `lost`, `restored same`, `restored new`. */
  readonly told: string[]
}

/** A member at work whose group is in that ZooKeeper; its records are in the shared Kafka. */
async function busyMember(t: TestContext, zookeeper: string): Promise<Rig> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  await produceKeyed(topic, RECORDS)
  const ledger = new Ledger(t)
  const groupId = uniqueGroup()
  const group = await runMember(t, ledger.handler({ burnMs: BURN_MS }), {
    groupId,
    topics: [topic],
    zookeeper: { servers: zookeeper, sessionTimeoutMs: SESSION_MS },
    kafka: { brokers: [...sharedStack().brokers] },
    threads: 1,
    commit: { intervalMs: 100 },
  })
  const told: string[] = []
  group.on('session:lost', () => told.push('lost'))
  group.on('session:restored', ({ sameClaims }) => told.push(`restored ${sameClaims ? 'same' : 'new'}`))
  await eventually(() => ledger.count > 100)
  return { group, groupId, topic, ledger, zookeeper, told }
}

async function everyRecordHandled({ ledger, group, groupId, topic, zookeeper }: Rig): Promise<LedgerEntry[]> {
  await eventually(() => countByRecord(ledger.read()).size === RECORDS, {
    deadlineMs: 60_000,
    intervalMs: 100,
    message: () => `${countByRecord(ledger.read()).size} of ${RECORDS} records handled`,
  })
  await group.stop()
  const entries = ledger.read()
  assert.equal(firstDisorder(entries), null)
  assert.equal(firstOverlap(entries), null)
  assert.deepEqual(await readOffsets(groupId, topic, zookeeper), await endOffsets(topic))
  return entries
}

describe('ZooKeeper killed and started again with the same data', () => {
  it('after the lease: no handler starts after it, then they go on with the same claims, and nothing is repeated', async t => {
    const stack = await privateStack(t, { brokers: 0 })
    const rig = await busyMember(t, stack.zookeeper)
    await stack.zookeeperProcess.kill()
    const killedAtMs = Date.now()
    await eventually(() => rig.told.includes('lost'), { message: 'session:lost' })
    const lostAfterMs = Date.now() - killedAtMs
    await sleep(SESSION_MS) // longer than the session by now: a server counts it anew when it starts
    const startedAtMs = Date.now()
    await stack.zookeeperProcess.start()
    const entries = await everyRecordHandled(rig)
    t.diagnostic(`lease over ${lostAfterMs} ms after the kill`)
    assert.deepEqual(rig.told, ['lost', 'restored same'])
    const late = entries.filter(
      ({ startMs }) => startMs > killedAtMs + LEASE_MS + TOLERANCE_MS && startMs < startedAtMs,
    )
    assert.deepEqual(late, [], 'handlers that started after the lease')
    assert.equal(entries.length, RECORDS)
  })
})

describe('ZooKeeper frozen for longer than the lease, but not than the session', () => {
  it('starts no handler after the lease; then they go on', async t => {
    const stack = await privateStack(t, { brokers: 0 })
    const rig = await busyMember(t, stack.zookeeper)
    await stack.zookeeperProcess.freeze()
    const frozenAtMs = Date.now()
    await sleep(FREEZE_MS) // what this test is about
    const thawedAtMs = Date.now()
    await stack.zookeeperProcess.thaw()
    await eventually(() => rig.told.length >= 2, { message: 'session:restored' })
    const entries = await everyRecordHandled(rig)
    assert.equal(rig.told[0], 'lost')
    const late = entries.filter(
      ({ startMs }) => startMs > frozenAtMs + LEASE_MS + TOLERANCE_MS && startMs < thawedAtMs,
    )
    assert.deepEqual(late, [], 'handlers that started after the lease')
    // On a busy machine the server may wake up too late for the session.
    if (rig.told[1] === 'restored same') assert.equal(entries.length, RECORDS)
    t.diagnostic(rig.told.join(', '))
  })
})

describe('a session that ZooKeeper ends', () => {
  it('ends every claim: they are made again in a new session under new epochs, and no record is lost', async t => {
    const { zookeeper } = sharedStack()
    const rig = await busyMember(t, zookeeper)
    const view = await openZooKeeper(t)
    const [id] = await view.list(`/consumers/${rig.groupId}/ids`)
    const node = await view.read(`/consumers/${rig.groupId}/ids/${id}`)
    const before = new Set(rig.ledger.read().map(({ epoch }) => epoch))
    await endSession(zookeeper, BigInt(`0x${node!.ephemeralOwner}`))
    const endedAtMs = Date.now()
    await eventually(() => rig.told.includes('restored new'), { message: 'joined again' })
    const restoredMs = Date.now() - endedAtMs
    const entries = await everyRecordHandled(rig)
    t.diagnostic(`joined again ${restoredMs} ms after the end of the session`)
    assert.deepEqual(rig.told, ['lost', 'restored new'])
    const after = entries.filter(({ startMs }) => startMs > endedAtMs + restoredMs)
    assert.ok(after.length > 0)
    assert.ok(
      after.every(({ epoch }) => !before.has(epoch)),
      'a handler ran under a claim of the ended session',
    )
  })
})
