import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { RunGroupOptions } from '#src/index.js'
import { fourLetterWord } from '#src/stack/four-letter-word.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, uniqueGroup } from '../support/kafka.ts'
import { sharedStack } from '../support/stack.ts'
import { threadlessMember, type ThreadlessMember } from '../support/threadless-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

const MEMBERS = 50
const PARTITIONS = 500
const SHARE = PARTITIONS / MEMBERS
const BOUND_MS = 10_000
/** Nothing may move any more for as long, or the group had not settled. */
const STABLE_MS = 2000

/** What has happened to the members so far; times by performance.now(). */
interface Counts {
  claims: number
  releases: number
  lastChangeMs: number
  lastJoinMs: number
}

function countOf(members: readonly ThreadlessMember[]): Counts {
  const counts = { claims: 0, releases: 0, lastChangeMs: 0, lastJoinMs: 0 }
  const changed = (what: 'claims' | 'releases') => (): void => {
    counts[what] += 1
    counts.lastChangeMs = performance.now()
  }
  for (const { events } of members) {
    events.on('partition:claimed', changed('claims'))
    events.on('partition:released', changed('releases'))
    events.on('group:state', ({ to }) => {
      if (to === 'running') counts.lastJoinMs = performance.now()
    })
  }
  return counts
}

function running({ coordinator }: ThreadlessMember): number {
  return coordinator.partitions.all.filter(({ state }) => state === 'running').length
}

/** Number of ZooKeeper's newest transaction: each write takes one, also one that is refused, a heartbeat or a new session. */
async function transactions(): Promise<number> {
  const [host, port] = sharedStack().zookeeper.split(':') as [string, string]
  return Number(/Zxid: (0x[0-9a-f]+)/.exec(await fourLetterWord(host, Number(port), 'srvr'))![1])
}

async function newMembers(
  t: TestContext,
): Promise<{ members: ThreadlessMember[]; groupId: string; topic: string }> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const groupId = uniqueGroup()
  const { zookeeper } = sharedStack()
  const options: RunGroupOptions = { groupId, topics: [topic], zookeeper, offsetReset: 'earliest' }
  return { members: Array.from({ length: MEMBERS }, () => threadlessMember(t, options)), groupId, topic }
}

/** Joins these at the same moment and waits until nothing has changed for a while; tells what that took. */
async function joinAll(
  t: TestContext,
  joining: readonly ThreadlessMember[],
  counts: Counts,
): Promise<number> {
  const [beforeMs, before] = [performance.now(), await transactions()]
  await Promise.all(joining.map(({ coordinator }) => coordinator.start()))
  await eventually(() => counts.lastChangeMs > 0 && performance.now() - counts.lastChangeMs > STABLE_MS, {
    deadlineMs: 4 * BOUND_MS,
  })
  const [settledMs, writes] = [counts.lastChangeMs - counts.lastJoinMs, (await transactions()) - before]
  t.diagnostic(
    `the last of ${joining.length} had joined after ${(counts.lastJoinMs - beforeMs).toFixed(0)} ms`,
  )
  t.diagnostic(`stable and complete ${settledMs.toFixed(0)} ms after that`)
  t.diagnostic(`ZooKeeper transactions, heartbeats included: ${writes}`)
  return settledMs
}

/** Every partition is owned by one member, as the owner nodes say, too. */
async function assertComplete(
  t: TestContext,
  members: readonly ThreadlessMember[],
  ownersPath: string,
): Promise<void> {
  assert.deepEqual(members.map(running), Array(MEMBERS).fill(SHARE))
  const zookeeper = await openZooKeeper(t)
  assert.equal((await zookeeper.list(ownersPath)).length, PARTITIONS)
}

describe('fifty members and 500 partitions', () => {
  it('have a stable and complete assignment within ten seconds of the last of fifty joins at the same moment', async t => {
    const { members, groupId, topic } = await newMembers(t)
    const counts = countOf(members)
    const settledMs = await joinAll(t, members, counts)
    const minimum = 2 * MEMBERS + PARTITIONS + 2
    t.diagnostic(`of which the least: ${minimum} (sessions, ids, claims, start offsets, one plan)`)
    t.diagnostic(`partitions moved: ${counts.releases}; the least: 0`)
    await assertComplete(t, members, `/consumers/${groupId}/owners/${topic}`)
    assert.ok(settledMs < BOUND_MS)
    await Promise.all(members.map(({ coordinator }) => coordinator.stop(BOUND_MS)))
  })

  it('and also when 49 join one that owns everything', async t => {
    const { members, groupId, topic } = await newMembers(t)
    const [first, ...others] = members as [ThreadlessMember, ...ThreadlessMember[]]
    await first.coordinator.start()
    await eventually(() => running(first) === PARTITIONS)
    const counts = countOf(members)
    const settledMs = await joinAll(t, others, counts)
    const moved = PARTITIONS - SHARE
    t.diagnostic(
      `of which the least: ${2 * others.length + 2 * moved + 1} (sessions, ids, releases, claims, one plan)`,
    )
    t.diagnostic(`partitions moved: ${counts.releases}; the least: ${moved}`)
    await assertComplete(t, members, `/consumers/${groupId}/owners/${topic}`)
    assert.ok(settledMs < BOUND_MS)
    await Promise.all(members.map(({ coordinator }) => coordinator.stop(BOUND_MS)))
  })
})
