import type { GroupError } from '../../shared/errors.ts'
import { monotonicMs } from '../../shared/clock.ts'
import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { RetrySettings } from '../../shared/protocol.ts'
import { retryDelayMs } from '../../shared/retry-delay.ts'
import type { Offset } from '../../shared/types.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { ThreadDeath } from '../threads/thread-death.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'
import { blame } from './blame.ts'
import {
  killedThread,
  ranTooLong,
  someRanTooLong,
  threadDied,
  threadDiedWithSuspects,
  type BlamedRecord,
  type RecordOnThread,
} from './failure-errors.ts'
import { inquest, verdictOn, type Verdict } from './inquest.ts'

export interface ThreadInquestsHost {
  readonly partitions: () => readonly OwnedPartition[]
  readonly retry: RetrySettings
  readonly handlerTimeoutMs: number
  readonly report: (error: GroupError) => void
  /** An attempt failed, and the record is run again. */
  readonly attemptFailed: (attempt: BlamedRecord, error: GroupError, retryInMs: number) => void
}

/** A lane that took too long, as it was when its thread was told to end. */
export interface OverdueLane {
  readonly partition: OwnedPartition
  readonly floor: Offset
}

/** A partition whose start is known. */
interface Lane {
  readonly partition: OwnedPartition
  readonly memory: LaneMemory
}

/**
 * Finds out, when a thread has exited, which record is to blame, and writes it where the lanes go on from: before any of
 * them is started elsewhere, and before its progress is committed for the last time.
 */
export class ThreadInquests {
  readonly #host: ThreadInquestsHost

  constructor(host: ThreadInquestsHost) {
    this.#host = host
  }

  /** The thread died by itself. True if that brought anything: it had finished records, or its death is explained. */
  died(thread: WorkerThread, { kind, error }: ThreadDeath): boolean {
    if (kind === 'terminated') return true
    const lanes = this.#lanesOf(thread)
    const verdict = inquest(
      kind,
      lanes.map(lane => ({ lane, inHand: lane.memory.inHand })),
    )
    const blamed = this.#carryOut(verdict, thread, attempt => killedThread(attempt, error))
    const suspects = verdict.suspects.map(lane => recordOf(lane, thread))
    this.#host.report(
      suspects.length > 0 ? threadDiedWithSuspects(error, suspects) : threadDied(error, blamed),
    )
    const finished = lanes.reduce(
      (sum, { partition }) => sum + partition.handledOnThread,
      thread.handledBefore,
    )
    return finished > 0 || verdict.guilty !== null
  }

  /** The thread was ended because these took too long. One that has finished meanwhile was in time. */
  cut(thread: WorkerThread, overdue: readonly OverdueLane[], isBlocked: boolean): void {
    const { handlerTimeoutMs, report } = this.#host
    const lanes = this.#lanesOf(thread)
    const blameable = lanes.filter(
      ({ partition, memory }) =>
        memory.inHand !== 'nothing' &&
        overdue.some(one => one.partition === partition && one.floor === memory.floor),
    )
    const explain = (attempt: BlamedRecord): GroupError => ranTooLong(attempt, handlerTimeoutMs, isBlocked)
    for (const lanesAtFault of whoTogether(blameable)) {
      const blamed = this.#carryOut(verdictOn(lanesAtFault), thread, explain)
      const records = lanesAtFault.map(lane => recordOf(lane, thread))
      report(
        blamed === null
          ? someRanTooLong(thread.threadId, records, handlerTimeoutMs, isBlocked)
          : explain(blamed),
      )
    }
  }

  /** Nothing is in hand on a thread that has exited. When all is judged. */
  putDown(thread: WorkerThread): void {
    for (const { memory } of this.#lanesOf(thread)) {
      memory.setInHand('nothing')
      memory.setBatchEnd(0)
    }
  }

  #carryOut(
    { guilty, suspects }: Verdict<Lane>,
    thread: WorkerThread,
    explain: (attempt: BlamedRecord) => GroupError,
  ): BlamedRecord | null {
    for (const { partition } of suspects) partition.suspect()
    if (guilty === null) return null
    const attempt = blame(guilty.memory)
    if (attempt === null) return null
    const blamed = { ...recordOf(guilty, thread), ...attempt }
    const error = explain(blamed)
    guilty.partition.attemptFailed(attempt, error)
    this.#retry(guilty.memory, blamed, error)
    return blamed
  }

  /** As if the handler had thrown: the wait stands in the memory, and whoever goes on with the lane keeps it. */
  #retry(memory: LaneMemory, blamed: BlamedRecord, error: GroupError): void {
    const { retry, attemptFailed } = this.#host
    const isUsedUp = blamed.attempt >= retry.attempts
    const retryInMs = isUsedUp ? 0 : retryDelayMs(retry, blamed.attempt)
    const sinceMs = monotonicMs()
    memory.setRetry(isUsedUp ? null : { sinceMs, atMs: sinceMs + retryInMs })
    if (!isUsedUp) attemptFailed(blamed, error, retryInMs)
  }

  #lanesOf(thread: WorkerThread): Lane[] {
    return this.#host
      .partitions()
      .flatMap(partition =>
        partition.thread === thread && partition.memory !== null
          ? [{ partition, memory: partition.memory }]
          : [],
      )
  }
}

/** Who was told that its time is over, and went on, is to blame for that by itself; of others one is, and nobody knows which. */
function whoTogether(lanes: readonly Lane[]): (readonly Lane[])[] {
  const isEachToBlame = lanes.length > 0 && lanes.every(({ memory }) => memory.inHand === 'timed-out')
  return isEachToBlame ? lanes.map(lane => [lane]) : [lanes]
}

function recordOf({ partition, memory }: Lane, { threadId }: WorkerThread): RecordOnThread {
  return { topic: partition.topic, partition: partition.partition, offset: memory.floor, threadId }
}
