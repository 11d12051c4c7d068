// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunGroupOptions } from '#src/index.js'
import { fourLetterWord } from '#src/stack/four-letter-word.js'
import { assertBounds, unlessBelow, type Measurement } from '../support/bounds.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { sharedStack } from '../support/stack.ts'
import { threadlessMember, type ThreadlessMember } from '../support/threadless-member.ts'
import { openZooKeeper, type ZooKeeperView } from '../support/zookeeper.ts'

failOnLeaks()

const MEMBERS = 50
const PARTITIONS = 500
const SHARE = PARTITIONS / MEMBERS
const BOUND_MS = 10_000
/** Nothing may move any more for as long, or the group had not settled. */
const STABLE_MS = 2000

/** What has happened to the members so far. */
interface Counts {
  claims: number
  releases: number
  /** Date.now() */
  lastChangeMs: number
}

function countOf(members: readonly ThreadlessMember[]): Counts {
  const counts = { claims: 0, releases: 0, lastChangeMs: 0 }
  const changed = (what: 'claims' | 'releases') => (): void => {
    counts[what] += 1
    counts.lastChangeMs = Date.now()
  }
  for (const { events } of members) {
    events.on('partition:claimed', changed('claims'))
    events.on('partition:released', changed('releases'))
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

/** When ZooKeeper made the newest of the id nodes: a member is in the group from then on, before it has claimed anything. */
async function lastJoinMs(zookeeper: ZooKeeperView, groupId: string): Promise<number> {
  const path = `/consumers/${groupId}/ids`
  const ids = await zookeeper.list(path)
  assert.equal(ids.length, MEMBERS)
  const nodes = await Promise.all(ids.map(id => zookeeper.read(`${path}/${id}`)))
  return Math.max(...nodes.map(node => node!.ctimeMs))
}

async function newMembers(
  t: Measurement,
): Promise<{ members: ThreadlessMember[]; groupId: string; topic: string }> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const groupId = uniqueGroup()
  const { zookeeper } = sharedStack()
  const options: RunGroupOptions = { groupId, topics: [topic], zookeeper, offsetReset: 'earliest' }
  return { members: Array.from({ length: MEMBERS }, () => threadlessMember(t, options)), groupId, topic }
}

/** Joins these at the same moment and waits until nothing has changed for a while; tells what that took. */
async function joinAll(
  t: Measurement,
  joining: readonly ThreadlessMember[],
  counts: Counts,
  groupId: string,
): Promise<number> {
  const zookeeper = await openZooKeeper(t)
  const [beforeMs, before] = [Date.now(), await transactions()]
  await Promise.all(joining.map(({ coordinator }) => coordinator.start()))
  await eventually(() => counts.lastChangeMs > 0 && Date.now() - counts.lastChangeMs > STABLE_MS, {
    deadlineMs: 4 * BOUND_MS,
  })
  const writes = (await transactions()) - before
  const joinedMs = await lastJoinMs(zookeeper, groupId)
  const settledMs = counts.lastChangeMs - joinedMs
  t.diagnostic(`the last of ${joining.length} had joined after ${joinedMs - beforeMs} ms`)
  t.diagnostic(`stable and complete ${settledMs} ms after that`)
  t.diagnostic(`ZooKeeper transactions, heartbeats included: ${writes}`)
  return settledMs
}

/** Every partition is owned by one member, as the owner nodes say, too. */
async function assertComplete(
  t: Measurement,
  members: readonly ThreadlessMember[],
  ownersPath: string,
): Promise<void> {
  assert.deepEqual(members.map(running), Array(MEMBERS).fill(SHARE))
  const zookeeper = await openZooKeeper(t)
  assert.equal((await zookeeper.list(ownersPath)).length, PARTITIONS)
}

describe('fifty members and 500 partitions', () => {
  it('have a stable and complete assignment within ten seconds of the last of fifty joins at the same moment', t =>
    assertBounds(t, async of => {
      const { members, groupId, topic } = await newMembers(of)
      const counts = countOf(members)
      const settledMs = await joinAll(of, members, counts, groupId)
      const minimum = 2 * MEMBERS + PARTITIONS + 2
      of.diagnostic(`of which the least: ${minimum} (sessions, ids, claims, start offsets, one plan)`)
      of.diagnostic(`partitions moved: ${counts.releases}; the least: 0`)
      await assertComplete(of, members, `/consumers/${groupId}/owners/${topic}`)
      await Promise.all(members.map(({ coordinator }) => coordinator.stop(BOUND_MS)))
      return unlessBelow('stable and complete after', settledMs, BOUND_MS)
    }))

  it('and also when 49 join one that owns everything', t =>
    assertBounds(t, async of => {
      const { members, groupId, topic } = await newMembers(of)
      const [first, ...others] = members as [ThreadlessMember, ...ThreadlessMember[]]
      await first.coordinator.start()
      await eventually(() => running(first) === PARTITIONS)
      const counts = countOf(members)
      const settledMs = await joinAll(of, others, counts, groupId)
      const moved = PARTITIONS - SHARE
      of.diagnostic(
        `of which the least: ${2 * others.length + 2 * moved + 1} (sessions, ids, releases, claims, one plan)`,
      )
      of.diagnostic(`partitions moved: ${counts.releases}; the least: ${moved}`)
      await assertComplete(of, members, `/consumers/${groupId}/owners/${topic}`)
      await Promise.all(members.map(({ coordinator }) => coordinator.stop(BOUND_MS)))
      return unlessBelow('stable and complete after', settledMs, BOUND_MS)
    }))
})
