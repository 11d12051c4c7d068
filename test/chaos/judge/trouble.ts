import type { Fault, History, ProcessHistory } from '../history.ts'
import type { FaultKind } from '../schedule.ts'

/** A time in which a process could not keep its session, or could not commit. */
export interface Trouble {
  readonly fromMs: number
  /** Infinity: for good. */
  readonly toMs: number
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

/** What two shared cores may add to anything that takes no time by itself. */
export const NOISE_MS = 1_000

/**
 * Everything that hurt the process's tie to ZooKeeper, in order of time. A join, a leave or a broker's fault is nothing of
 * it; a time in which the whole machine stood still is.
 */
export function troublesOf(
  process: ProcessHistory,
  { faults, stalls }: Pick<History, 'faults' | 'stalls'>,
): Trouble[] {
  const hurting: readonly Pick<Fault, 'fromMs' | 'toMs'>[] = faults.filter(
    ({ kind, target }) =>
      HURTS_EVERY_PROCESS.has(kind) || (HURTS_ITS_PROCESS.has(kind) && target === process.name),
  )
  return [...hurting, ...stalls]
    .map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs ?? Infinity }))
    .sort((a, b) => a.fromMs - b.fromMs)
}

/**
 * When the trouble began that explains the end of a session at `endMs`; null if none does. A session ends at the latest
 * one timeout after the last time it could be heard of. Troubles that follow each other before a commit was certain in
 * between are one: what was finished before the first may still be uncommitted at the end of the last.
 */
export function troubleThatEnded(
  troubles: readonly Trouble[],
  endMs: number,
  { sessionMs, commitIntervalMs }: History['settings'],
): number | null {
  const lingersMs = sessionMs + NOISE_MS
  const joinsMs = sessionMs + commitIntervalMs + NOISE_MS
  let chain: Trouble | undefined
  for (const { fromMs, toMs } of troubles.filter(trouble => trouble.fromMs <= endMs)) {
    const joins = chain !== undefined && fromMs <= chain.toMs + joinsMs
    chain = joins ? { fromMs: chain!.fromMs, toMs: Math.max(chain!.toMs, toMs) } : { fromMs, toMs }
  }
  return chain !== undefined && endMs <= chain.toMs + lingersMs ? chain.fromMs : null
}
