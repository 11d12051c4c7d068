import { monotonicMs } from '../../shared/clock.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'
import { findOverdue, type Deadline, type LaneLook, type Overdue } from './overdue.ts'
import { StackTimes } from './stack-times.ts'
import type { OverdueRecord } from './thread-inquests.ts'

export interface DeadlineWatchHost {
  readonly threads: () => readonly WorkerThread[]
  readonly partitions: () => readonly OwnedPartition[]
  /** The thread is to be ended. */
  readonly cut: (thread: WorkerThread, overdue: readonly OverdueRecord[], isBlocked: boolean) => void
}

/** As long as the timeout again, but no longer than this. */
const MAX_GRACE_MS = 2_000
/** Looks at a deadline come as often as this part of it. */
const LOOKS_PER_TIMEOUT = 20
const MIN_LOOK_MS = 5
const MAX_LOOK_MS = 100
/** A look that comes later by this much: the whole process stood still, its handlers with it. */
const LATE_MS = 250

/**
 * Sees in shared memory which handlers take too long although their signal has aborted, or block their thread so that it
 * cannot abort. What one look finds must be there at the next one, too: a record may just have ended.
 */
export class DeadlineWatch {
  readonly #host: DeadlineWatchHost
  readonly #deadline: Deadline
  readonly #lookMs: number
  readonly #now: () => number
  #timer: NodeJS.Timeout | null = null
  #lastLookMs = 0
  /** The process stood still before; no handler is held to account for that. */
  #countsFromMs = -Infinity
  readonly #stacks = new StackTimes<WorkerThread, OwnedPartition>()
  /** What the last look found. */
  #found = new Map<WorkerThread, readonly OverdueRecord[]>()

  constructor(host: DeadlineWatchHost, timeoutMs: number, now: () => number = monotonicMs) {
    this.#host = host
    this.#deadline = { timeoutMs, graceMs: Math.min(MAX_GRACE_MS, timeoutMs) }
    this.#lookMs = Math.min(MAX_LOOK_MS, Math.max(MIN_LOOK_MS, timeoutMs / LOOKS_PER_TIMEOUT))
    this.#now = now
  }

  start(): void {
    this.#lastLookMs = this.#now()
    this.#timer ??= setInterval(() => this.#look(), this.#lookMs)
  }

  /** Idempotent. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #look(): void {
    const nowMs = this.#now()
    const beforeMs = this.#lastLookMs
    if (nowMs - beforeMs > this.#lookMs + LATE_MS) this.#countsFromMs = nowMs
    this.#lastLookMs = nowMs
    const before = this.#found
    this.#found = new Map()
    for (const thread of this.#host.threads()) {
      if (!thread.isRunning) continue
      const overdue = this.#overdueOn(thread, nowMs, beforeMs)
      if (overdue === null) continue
      const { lanes: records, isBlocked } = overdue
      const still = records.filter(record => before.get(thread)?.some(one => isSame(one, record)))
      if (still.length > 0) this.#host.cut(thread, still, isBlocked)
      else this.#found.set(thread, records)
    }
  }

  #overdueOn(thread: WorkerThread, nowMs: number, beforeMs: number): Overdue<OverdueRecord> | null {
    const looks = this.#host.partitions().flatMap(one => this.#lookAt(one, thread))
    const stackSinceMs = this.#stackSinceMs(thread, looks, beforeMs)
    if (looks.length === 0) return null
    const { runningSinceMs } = thread.memory.read()
    const sinceMs = Math.max(runningSinceMs, stackSinceMs, this.#countsFromMs)
    return findOverdue(looks, sinceMs, nowMs, this.#deadline)
  }

  #stackSinceMs(thread: WorkerThread, looks: readonly LaneLook<OverdueRecord>[], beforeMs: number): number {
    const record = looks.find(({ inHand }) => inHand === 'slice')?.lane
    if (record !== undefined)
      return this.#stacks.look(thread, { lane: record.partition, offset: record.offset }, beforeMs)
    this.#stacks.forget(thread)
    return -Infinity
  }

  #lookAt(partition: OwnedPartition, thread: WorkerThread): LaneLook<OverdueRecord>[] {
    return partition.inHandOn(thread).map(({ offset, inHand, awaitingSinceMs }) => ({
      lane: { partition, offset },
      inHand,
      awaitingSinceMs: awaitingSinceMs === null ? null : Math.max(awaitingSinceMs, this.#countsFromMs),
    }))
  }
}

function isSame(one: OverdueRecord, other: OverdueRecord): boolean {
  return one.partition === other.partition && one.offset === other.offset
}
