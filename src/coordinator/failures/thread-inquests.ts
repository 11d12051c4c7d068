import type { GroupError } from '../../shared/errors.ts'
import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { Offset } from '../../shared/types.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { ThreadDeath } from '../threads/thread-death.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'
import { blame, type BlamedAttempt } from './blame.ts'
import {
  killedThread,
  ranTooLong,
  someRanTooLong,
  threadDied,
  threadDiedWithSuspects,
  type RecordInHand,
} from './failure-errors.ts'
import { inquest, verdictOn, type Verdict } from './inquest.ts'

export interface ThreadInquestsHost {
  readonly partitions: () => readonly OwnedPartition[]
  /** Attempts that a record has. */
  readonly attempts: number
  readonly handlerTimeoutMs: number
  readonly report: (error: GroupError) => void
  /** An attempt failed, and the record is run again as soon as its lane is. */
  readonly attemptFailed: (attempt: RecordInHand & BlamedAttempt, error: GroupError) => void
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
  cut(thread: WorkerThread, overdue: readonly OverdueLane[]): void {
    const { handlerTimeoutMs, report } = this.#host
    const lanes = this.#lanesOf(thread)
    const blameable = lanes.filter(
      ({ partition, memory }) =>
        memory.inHand !== 'nothing' &&
        overdue.some(one => one.partition === partition && one.floor === memory.floor),
    )
    const verdict = verdictOn(blameable)
    const records = blameable.map(lane => recordOf(lane, thread))
    const explain = (attempt: RecordInHand & BlamedAttempt): GroupError =>
      ranTooLong(attempt, handlerTimeoutMs)
    const blamed = this.#carryOut(verdict, thread, explain)
    report(blamed === null ? someRanTooLong(thread.threadId, records, handlerTimeoutMs) : explain(blamed))
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
    explain: (attempt: RecordInHand & BlamedAttempt) => GroupError,
  ): (RecordInHand & BlamedAttempt) | null {
    for (const { partition } of suspects) partition.suspect()
    if (guilty === null) return null
    const attempt = blame(guilty.memory)
    if (attempt === null) return null
    const blamed = { ...recordOf(guilty, thread), ...attempt }
    const error = explain(blamed)
    guilty.partition.attemptFailed(attempt, error)
    if (attempt.attempt < this.#host.attempts) this.#host.attemptFailed(blamed, error)
    return blamed
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

function recordOf({ partition, memory }: Lane, { threadId }: WorkerThread): RecordInHand {
  return { topic: partition.topic, partition: partition.partition, offset: memory.floor, threadId }
}
