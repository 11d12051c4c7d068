// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Group } from '#src/index.js'
import type { RunningStack } from '#src/stack/start-stack.js'
import { eventually } from '../support/eventually.js'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.js'
import { countByRecord, firstDisorder, Ledger, type LedgerEntry } from '../support/ledger.js'
import { runMember } from '../support/running-group.js'
import { privateStack } from '../support/stack.js'

const SESSION_MS = 3000
const LEASE_MS = (SESSION_MS * 2) / 3
const TOLERANCE_MS = 5
const RECORDS = 3000
const PARTITIONS = 2
const BURN_MS = 2
const ATTEMPTS = 5

interface Rig {
  readonly stack: RunningStack
  readonly group: Group
  readonly ledger: Ledger
  readonly restored: boolean[]
  readonly ends: readonly number[]
}

/** A member that is busy with its first records. The brokers' own sessions outlast every freeze. */
async function busyMember(t: TestContext): Promise<Rig> {
  const stack = await privateStack(t, { brokerSettings: { 'zookeeper.session.timeout.ms': '60000' } })
  const { brokers } = stack
  const topic = await createTopic(t, { partitions: PARTITIONS, brokers })
  await produceKeyed(topic, RECORDS, { brokers })
  const ends = await endOffsets(topic, brokers)
  const ledger = new Ledger(t)
  const group = await runMember(t, ledger.handler({ burnMs: BURN_MS }), {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: { servers: stack.zookeeper, sessionTimeoutMs: SESSION_MS },
    threads: 1,
    commit: { intervalMs: 300 },
  })
  const restored: boolean[] = []
  group.on('session:restored', ({ sameClaims }) => restored.push(sameClaims))
  await eventually(() => ledger.count > 100)
  return { stack, group, ledger, restored, ends }
}

interface Freeze {
  readonly fromMs: number
  readonly leaseEndMs: number
  readonly untilMs: number
}

/** The lease is read while nothing can renew it any more: the last answer may have been in the socket already. */
async function freezeZooKeeper({ stack, group }: Rig, lengthMs: number): Promise<Freeze> {
  const askedMs = Date.now()
  await stack.zookeeperProcess.freeze()
  const fromMs = Date.now()
  await sleep(SESSION_MS / 10)
  const leaseEndMs = Date.now() + group.status().session.leaseRemainingMs
  await sleep(askedMs + lengthMs - Date.now())
  const untilMs = Date.now()
  await stack.zookeeperProcess.thaw()
  return { fromMs, leaseEndMs, untilMs }
}

function startedBetween(entries: readonly LedgerEntry[], fromMs: number, untilMs: number): LedgerEntry[] {
  return entries.filter(({ startMs }) => startMs > fromMs && startMs < untilMs)
}

function epochsOf(entries: readonly LedgerEntry[]): Set<bigint> {
  return new Set(entries.map(({ epoch }) => epoch))
}

function assertLeaseKept(entries: readonly LedgerEntry[], { fromMs, leaseEndMs, untilMs }: Freeze): void {
  assert.ok(leaseEndMs <= fromMs + LEASE_MS, `the lease lasts ${leaseEndMs - fromMs} ms into the silence`)
  const late = startedBetween(entries, leaseEndMs + TOLERANCE_MS, untilMs)
  assert.deepEqual(
    late.map(({ startMs }) => startMs - leaseEndMs),
    [],
    'milliseconds after the lease at which handlers started',
  )
}

async function everyRecordHandled({ ledger, ends }: Rig): Promise<LedgerEntry[]> {
  await eventually(() => countByRecord(ledger.read()).size >= RECORDS, {
    deadlineMs: 60_000,
    intervalMs: 200,
    message: () => `${countByRecord(ledger.read()).size} of ${RECORDS} records handled`,
  })
  const entries = ledger.read()
  assert.equal(firstDisorder(entries), null)
  assert.ok(entries.every(({ partition, offset }) => offset < ends[partition]!))
  return entries
}

describe('ZooKeeper frozen and thawed', () => {
  it('within 0.6 of the session: handlers go on with the same claims, and every record is handled once', async t => {
    const rig = await busyMember(t)
    const before = epochsOf(rig.ledger.read())
    const freeze = await freezeZooKeeper(rig, 0.6 * SESSION_MS)
    const entries = await everyRecordHandled(rig)
    assertLeaseKept(entries, freeze)
    assert.ok(
      startedBetween(entries, freeze.fromMs, freeze.leaseEndMs).length > 0,
      'handlers go on while the lease lasts',
    )
    assert.deepEqual(epochsOf(entries), before)
    assert.ok(rig.restored.every(sameClaims => sameClaims))
    assert.equal(entries.length, RECORDS)
  })

  it('after the session has expired: no handler starts after the lease, they go on under a new session, and none is lost', async t => {
    const rig = await busyMember(t)
    const freezes: Freeze[] = []
    // A thawed ZooKeeper may see the client's return before it sees that the session is over: then it is still valid.
    while (!rig.restored.includes(false) && freezes.length < ATTEMPTS) {
      const known = rig.restored.length
      freezes.push(await freezeZooKeeper(rig, 1.5 * SESSION_MS))
      await eventually(() => rig.restored.length > known, { message: 'session:restored' })
    }
    t.diagnostic(`freezes until the session expired: ${freezes.length}`)
    assert.ok(rig.restored.includes(false), 'the session never expired')
    const entries = await everyRecordHandled(rig)
    for (const freeze of freezes) assertLeaseKept(entries, freeze)
    const old = epochsOf(entries.filter(({ startMs }) => startMs < freezes[0]!.fromMs))
    const last = freezes.at(-1)!
    const after = entries.filter(({ startMs }) => startMs > last.untilMs)
    assert.ok(after.length > 0, 'handlers go on')
    assert.ok(
      after.every(({ epoch }) => !old.has(epoch)),
      'a handler ran under a claim of the expired session',
    )
  })
})
