// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunGroupOptions } from '#src/index.js'
import { startGroup } from '#src/run-group.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../support/cleanup.ts'
import { eventually } from '../support/eventually.ts'
import { assertBounds, unlessBelow, type Measurement } from '../support/bounds.ts'
import { createTopic, endOffsets, uniqueGroup } from '../support/kafka.ts'
import type { LaneCall } from '../support/lane-calls.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { countByRecord, firstDisorder, Ledger, type LedgerEntry } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { percentile } from '../support/percentile.ts'
import { sharedStack } from '../support/stack.ts'
import { SteadyLoad } from '../support/steady-load.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 32
const RECORDS_PER_SECOND = 20
/** A little more than the rate that is to be reached: one round of the load that comes late must not take it below. */
const SENT_PER_SECOND = 21
const MOVES = 100
/** A member that comes and goes moves some twenty partitions: twice as many visits as it takes. */
const MAX_VISITS = 10
/** They wait and compute nothing: what is measured are moves, and 32 partitions of 20 records a second leave the machine some room. */
const HANDLER = { sleepMs: 5 }
const GAP_MS = 250
const STAYER_MS = 20
/** Above it the machine does not keep pace with the load, and a comparison would tell nothing. */
const QUIET_MS = 100
/** Then what is still missing is lost, and not late. */
const CATCH_UP_MS = 60_000
/** How long is looked at records from the moment a member comes or goes, and as long with nobody coming or going. */
const WINDOW_MS = 1500

interface Window {
  readonly fromMs: number
  readonly toMs: number
}

/** A partition that changed hands, and how long no handler of it started. */
interface Move {
  readonly partition: number
  readonly fromMs: number
  readonly toMs: number
}

/** Each change of epoch of each partition. */
function movesIn(entries: readonly LedgerEntry[]): Move[] {
  const last = new Map<number, LedgerEntry>()
  const moves: Move[] = []
  for (const entry of entries.toSorted((a, b) => a.startMs - b.startMs)) {
    const { partition, startMs, epoch } = entry
    const before = last.get(partition)
    if (before !== undefined && before.epoch !== epoch)
      moves.push({ partition, fromMs: before.startMs, toMs: startMs })
    last.set(partition, entry)
  }
  return moves
}

/** Partitions that were on the move at any time of the window. */
function movedIn({ fromMs, toMs }: Window, moves: readonly Move[]): ReadonlySet<number> {
  const within = moves.filter(move => move.toMs >= fromMs && move.fromMs < toMs)
  return new Set(within.map(({ partition }) => partition))
}

const isIn =
  ({ fromMs, toMs }: Window) =>
  (atMs: number): boolean =>
    atMs >= fromMs && atMs < toMs

/** Records that were produced within the windows, of partitions that did not move in that one. */
function latencies(
  entries: readonly LedgerEntry[],
  windows: readonly Window[],
  moves: readonly Move[],
): number[] {
  return windows.flatMap(window => {
    const moved = movedIn(window, moves)
    return entries
      .filter(({ producedMs, partition }) => isIn(window)(producedMs) && !moved.has(partition))
      .map(({ startMs, producedMs }) => startMs - producedMs)
  })
}

async function window(during: () => Promise<unknown> = () => Promise.resolve()): Promise<Window> {
  const fromMs = Date.now()
  await Promise.all([during(), delay(WINDOW_MS)])
  return { fromMs, toMs: fromMs + WINDOW_MS }
}

interface Run {
  readonly topic: string
  readonly groupId: string
  readonly stayers: readonly MemberProcess[]
  readonly ledger: Ledger
  readonly load: SteadyLoad
  /** Starts a third member; resolves when it is about to register: its threads are there, nobody knows of it yet. */
  readonly prepare: () => Promise<{ readonly joined: Promise<void>; readonly stop: () => Promise<void> }>
}

async function startRun(t: Measurement): Promise<Run> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const ledger = new Ledger(t)
  const handler = ledger.handler(HANDLER)
  const groupId = uniqueGroup()
  const options: RunGroupOptions = {
    groupId,
    topics: [topic],
    zookeeper: sharedStack().zookeeper,
    threads: 1,
    offsetReset: 'earliest',
  }
  const stayers = [new MemberProcess(t, handler, options), new MemberProcess(t, handler, options)]
  await eventually(() => stayers.every(({ claimed }) => claimed.size === PARTITIONS / 2))
  const load = await SteadyLoad.start(t, topic, {
    partitions: PARTITIONS,
    recordsPerSecond: SENT_PER_SECOND,
  })
  const prepare: Run['prepare'] = async () => {
    const { group, joined } = startGroup(handler, { logger: silentLogger, ...options })
    atEnd(t, () => group.stop())
    await eventually(() => group.state !== 'starting', { intervalMs: 1 })
    return { joined, stop: () => group.stop() }
  }
  return { topic, groupId, stayers, ledger, load, prepare }
}

interface ToldCall extends LaneCall {
  readonly atMs: number
}

/** What the stayers told their threads. */
function laneCalls(stayers: readonly MemberProcess[]): ToldCall[] {
  return stayers
    .flatMap(({ events }) => events)
    .filter(({ event }) => event === 'lane:call')
    .map(({ payload, atMs }) => ({ ...(payload as unknown as LaneCall), atMs }))
}

/** Moves that no call tells of: one of the two members of each move is a stayer, which starts or drains the lane. */
function movesUntold(calls: readonly ToldCall[], moves: readonly Move[]): string[] {
  return [...Array(PARTITIONS).keys()].flatMap(partition => {
    const told = calls.filter(call => call.partition === partition).length
    const moved = moves.filter(move => move.partition === partition).length
    return told < moved ? [`partition ${partition}: ${moved} moves, ${told} calls`] : []
  })
}

/** What the stayers told their threads about partitions that they kept, within the windows. */
function callsAboutStaying(
  calls: readonly ToldCall[],
  windows: readonly Window[],
  moves: readonly Move[],
): string[] {
  return windows.flatMap(window => {
    const moved = movedIn(window, moves)
    return calls
      .filter(({ atMs, partition }) => isIn(window)(atMs) && !moved.has(partition))
      .map(({ call, partition }) => `${call} ${partition}`)
  })
}

/** Of the partition that got the fewest, by the times at which they were produced. */
function recordsPerSecond(entries: readonly LedgerEntry[]): number {
  const rates = [...Array(PARTITIONS).keys()].map(partition => {
    const times = entries.filter(one => one.partition === partition).map(({ producedMs }) => producedMs)
    return (1000 * times.length) / (Math.max(...times) - Math.min(...times))
  })
  return Math.min(...rates)
}

async function stop(member: MemberProcess): Promise<void> {
  member.signal('SIGTERM')
  assert.equal(await member.exit(), 0, member.errors)
}

describe('with three members, 32 partitions, 20 records a second in each and handlers of 5 ms', () => {
  it('at least 100 moves leave gaps below 250 ms at p99, disturb no partition that stays, and lose or repeat nothing', t =>
    assertBounds(t, async of => {
      const { topic, groupId, stayers, ledger, load, prepare } = await startRun(of)
      await window() // everything has run once
      const quiet: Window[] = []
      const busy: Window[] = []
      while (movesIn(ledger.read()).length < MOVES && busy.length < 2 * MAX_VISITS) {
        quiet.push(await window())
        const visitor = await prepare()
        busy.push(await window(() => visitor.joined))
        quiet.push(await window())
        busy.push(await window(visitor.stop))
      }
      const produced = await load.stop()
      await eventually(() => ledger.count >= produced, {
        deadlineMs: CATCH_UP_MS,
        intervalMs: 200,
        message: () => `${ledger.count} of ${produced}`,
      })
      await Promise.all(stayers.map(stop)) // nobody is left who could handle a record once more
      const entries = ledger.read()
      const moves = movesIn(entries)
      assert.ok(moves.length >= MOVES, `${moves.length} moves in ${busy.length / 2} visits`)
      const gaps = moves.map(({ fromMs, toMs }) => toMs - fromMs)
      const before = latencies(entries, quiet, moves)
      const during = latencies(entries, busy, moves)
      const show = (values: number[]): string =>
        [0.5, 0.9, 0.99, 1].map(share => percentile(values, share).toFixed(1)).join(', ')
      of.diagnostic(`gap of ${gaps.length} moves (median, p90, p99, worst): ${show(gaps)} ms`)
      of.diagnostic(
        `latency of partitions that stay, nobody coming or going (${before.length}): ${show(before)} ms`,
      )
      of.diagnostic(
        `latency of partitions that stay, somebody coming or going (${during.length}): ${show(during)} ms`,
      )
      const calls = laneCalls(stayers)
      const callsOfMoves = calls.filter(({ atMs }) => atMs >= busy[0]!.fromMs)
      assert.deepEqual(movesUntold(callsOfMoves, moves), [], 'messages about partitions that move are seen')
      assert.deepEqual(callsAboutStaying(calls, busy, moves), [], 'messages about partitions that stay')
      assert.equal(entries.length, produced)
      assert.equal(countByRecord(entries).size, produced)
      assert.equal(firstDisorder(entries), null)
      assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
      const rate = recordsPerSecond(entries)
      of.diagnostic(`records a second in the partition with the fewest: ${rate.toFixed(2)}`)
      const later = (share: number): number => percentile(during, share) - percentile(before, share)
      return [
        ...(rate >= RECORDS_PER_SECOND
          ? []
          : [`the load did not keep pace: ${rate.toFixed(2)} records a second`]),
        ...unlessBelow('the machine did not keep pace: quiet at p99', percentile(before, 0.99), QUIET_MS),
        ...unlessBelow('gap at p99', percentile(gaps, 0.99), GAP_MS),
        ...[0.5, 0.99].flatMap(share => unlessBelow(`stayers at ${share}`, later(share), STAYER_MS)),
      ]
    }))
})
