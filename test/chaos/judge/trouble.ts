import type { Fault, History, ProcessHistory } from '../history.ts'
import type { FaultKind } from '../schedule.ts'

/** A time in which a process could not keep its session, or could not commit. */
export interface Trouble {
  readonly fromMs: number
  /** Infinity: for good. */
  readonly toMs: number
  /** When the process had a lease again; `toMs` if it never said that it had none. */
  readonly clearMs: number
}

/** The faults that may cost the hurt process its session. Slowness alone must not. */
const HURTS_ITS_PROCESS: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'kill',
  'restart',
  'freeze-short',
  'freeze-long',
  'cut-zookeeper-short',
  'cut-zookeeper-long',
])
const HURTS_EVERY_PROCESS: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'zookeeper-freeze-short',
  'zookeeper-freeze-long',
  'zookeeper-stop',
])

/** Of a session: what a lease has as its margin. A shorter stall ends none. */
const HARMFUL_STALL = 1 / 3

/** What two shared cores may add to anything that takes no time by itself. */
export const NOISE_MS = 1_000

/**
 * Everything that hurt the process's tie to ZooKeeper, in order of time. A join, a leave or a broker's fault is nothing of
 * it; a time in which the whole machine stood still is.
 */
export function troublesOf(
  process: ProcessHistory,
  { faults, stalls, settings }: Pick<History, 'faults' | 'stalls' | 'settings'>,
): Trouble[] {
  const hurting: readonly Pick<Fault, 'fromMs' | 'toMs'>[] = faults.filter(
    ({ kind, target }) =>
      HURTS_EVERY_PROCESS.has(kind) || (HURTS_ITS_PROCESS.has(kind) && target === process.name),
  )
  const harmful = stalls.filter(({ fromMs, toMs }) => toMs - fromMs >= settings.sessionMs * HARMFUL_STALL)
  return [...hurting, ...harmful]
    .map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs ?? Infinity }))
    .map(times => ({ ...times, clearMs: clearAfter(times, process, settings) }))
    .sort((a, b) => a.fromMs - b.fromMs)
}

/** What the trouble took from the process may come back later than its end, at the pace of the process. */
function clearAfter(
  { fromMs, toMs }: Pick<Trouble, 'fromMs' | 'toMs'>,
  { sessions }: ProcessHistory,
  { sessionMs }: History['settings'],
): number {
  const lost = sessions.findLastIndex(
    ({ what, atMs }) => what === 'lost' && atMs >= fromMs && atMs <= toMs + sessionMs,
  )
  return lost === -1 ? toMs : Math.max(toMs, sessions[lost + 1]?.atMs ?? Infinity)
}

/**
 * When the trouble began that explains the end of a session at `endMs`; null if none does. A session ends at the latest
 * one timeout after the last time it could be heard of. Troubles that follow each other before a commit was certain in
 * between are one: what was finished before the first may still be uncommitted at the end of the last. Certain is a commit
 * once the process has had a lease, and no trouble, for two commit intervals.
 */
export function troubleThatEnded(
  troubles: readonly Trouble[],
  endMs: number,
  { sessionMs, commitIntervalMs }: History['settings'],
): number | null {
  const lingersMs = sessionMs + NOISE_MS
  const joinsMs = 2 * commitIntervalMs + NOISE_MS
  let chain: Trouble | undefined
  for (const trouble of troubles.filter(({ fromMs }) => fromMs <= endMs)) {
    const joins = chain !== undefined && trouble.fromMs <= chain.clearMs + joinsMs
    chain = joins ? both(chain!, trouble) : trouble
  }
  return chain !== undefined && endMs <= chain.toMs + lingersMs ? chain.fromMs : null
}

function both(chain: Trouble, next: Trouble): Trouble {
  return {
    fromMs: chain.fromMs,
    toMs: Math.max(chain.toMs, next.toMs),
    clearMs: Math.max(chain.clearMs, next.clearMs),
  }
}
