// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningStack } from '#src/stack/start-stack.js'
import { eventually } from '../support/eventually.js'
import { createTopic, produceKeyed, uniqueGroup } from '../support/kafka.js'
import { countByRecord, firstDisorder, Ledger } from '../support/ledger.js'
import { MemberProcess } from '../support/member-process.js'
import { privateStack } from '../support/stack.js'

const SESSION_MS = 2000
const FREEZE_MS = 2 * SESSION_MS
const HEARTBEAT_MS = SESSION_MS / 6
const RECORDS = 3000
const PARTITIONS = 2
const BURN_MS = 2

interface Rig {
  readonly stack: RunningStack
  readonly member: MemberProcess
  readonly ledger: Ledger
}

async function busyMember(t: TestContext): Promise<Rig> {
  const stack = await privateStack(t)
  const { brokers } = stack
  const topic = await createTopic(t, { partitions: PARTITIONS, brokers })
  await produceKeyed(topic, RECORDS, { brokers })
  const ledger = new Ledger(t)
  const member = new MemberProcess(t, ledger.handler({ burnMs: BURN_MS }), {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: { servers: stack.zookeeper, sessionTimeoutMs: SESSION_MS },
    threads: 1,
    offsetReset: 'earliest',
    commit: { intervalMs: 300 },
  })
  await member.event('joined')
  await eventually(() => ledger.count > 100)
  return { stack, member, ledger }
}

/** Thaws the member and checks that nothing ran before it had rejoined, and that in the end everything ran. */
async function goesOnUnderNewClaims({ member, ledger }: Rig): Promise<void> {
  const frozen = ledger.read()
  const thawedMs = Date.now()
  member.signal('SIGCONT')
  const restored = await member.event('session:restored')
  assert.deepEqual(restored.payload, { sameClaims: false })
  await eventually(() => countByRecord(ledger.read()).size >= RECORDS, {
    deadlineMs: 60_000,
    intervalMs: 200,
    message: () => `${countByRecord(ledger.read()).size} of ${RECORDS} records handled`,
  })
  const entries = ledger.read()
  const early = entries.filter(({ startMs }) => startMs > thawedMs && startMs < restored.atMs)
  assert.deepEqual(early, [], 'handlers that started between the thaw and the rejoin')
  const old = new Set(frozen.map(({ epoch }) => epoch))
  const underOldClaim = entries.slice(frozen.length).filter(({ epoch }) => old.has(epoch))
  assert.deepEqual(underOldClaim, [], 'handlers that started under a claim of the expired session')
  assert.equal(firstDisorder(entries), null)
}

describe('a member frozen for two sessions and thawed', () => {
  it('starts no handler before it has rejoined, and loses no record', async t => {
    const rig = await busyMember(t)
    rig.member.signal('SIGSTOP')
    await sleep(FREEZE_MS)
    await goesOnUnderNewClaims(rig)
  })

  it('starts none either when an answer of ZooKeeper was already in the socket', async t => {
    const rig = await busyMember(t)
    const { zookeeperProcess } = rig.stack
    // ZooKeeper answers the heartbeats that were sent into its freeze when the member can no longer read the answers.
    await zookeeperProcess.freeze()
    await sleep(2 * HEARTBEAT_MS)
    rig.member.signal('SIGSTOP')
    await zookeeperProcess.thaw()
    await sleep(FREEZE_MS)
    await goesOnUnderNewClaims(rig)
  })
})
