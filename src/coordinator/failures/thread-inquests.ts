import type { GroupError } from '../../shared/errors.ts'
import { monotonicMs } from '../../shared/clock.ts'
import type { RetrySettings } from '../../shared/protocol.ts'
import { retryDelayMs } from '../../shared/retry-delay.ts'
import type { Offset } from '../../shared/types.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { InHandOnThread } from '../partitions/work/in-hand-on-thread.ts'
import type { ThreadDeath } from '../threads/thread-death.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'
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

/** A record that took too long, or the first of a batch that did, when its thread was told to end. */
export interface OverdueRecord {
  readonly partition: OwnedPartition
  readonly offset: Offset
}

interface InHand {
  readonly partition: OwnedPartition
  readonly record: InHandOnThread
}

/**
 * Finds out, when a thread has exited, which record is to blame, and writes it where its partitions go on from: before any
 * of them is started elsewhere, and before its progress is committed for the last time.
 */
export class ThreadInquests {
  readonly #host: ThreadInquestsHost

  constructor(host: ThreadInquestsHost) {
    this.#host = host
  }

  /** The thread died by itself. True if that brought anything: it had finished records, or its death is explained. */
  died(thread: WorkerThread, { kind, error }: ThreadDeath): boolean {
    if (kind === 'terminated') return true
    const verdict = inquest(
      kind,
      this.#inHandOn(thread).map(lane => ({ lane, inHand: lane.record.inHand })),
    )
    const blamed = this.#carryOut(verdict, thread, attempt => killedThread(attempt, error))
    const suspects = verdict.suspects.map(lane => recordOf(lane, thread))
    this.#host.report(
      suspects.length > 0 ? threadDiedWithSuspects(error, suspects) : threadDied(error, blamed),
    )
    const finished = this.#host
      .partitions()
      .reduce((sum, partition) => sum + partition.handledOn(thread), thread.handledBefore)
    return finished > 0 || verdict.guilty !== null
  }

  /** The thread was ended because these took too long. One that has finished meanwhile was in time. */
  cut(thread: WorkerThread, overdue: readonly OverdueRecord[], isBlocked: boolean): void {
    const { handlerTimeoutMs, report } = this.#host
    const blameable = this.#inHandOn(thread).filter(({ partition, record }) =>
      overdue.some(one => one.partition === partition && one.offset === record.offset),
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
    for (const partition of this.#host.partitions()) partition.work?.putDown(thread)
  }

  #carryOut(
    { guilty, suspects }: Verdict<InHand>,
    thread: WorkerThread,
    explain: (attempt: BlamedRecord) => GroupError,
  ): BlamedRecord | null {
    for (const { record } of suspects) record.suspect()
    if (guilty === null) return null
    const attempt = guilty.record.blame()
    if (attempt === null) return null
    const blamed = { ...recordOf(guilty, thread), ...attempt }
    const error = explain(blamed)
    this.#retry(guilty.record, blamed, error)
    return blamed
  }

  /** As if the handler had thrown: whoever goes on with the record keeps the wait. */
  #retry(record: InHandOnThread, blamed: BlamedRecord, error: GroupError): void {
    const { retry, attemptFailed } = this.#host
    if (blamed.attempt >= retry.attempts) {
      record.failed(blamed, error, null)
      return
    }
    const retryInMs = retryDelayMs(retry, blamed.attempt)
    const sinceMs = monotonicMs()
    record.failed(blamed, error, { sinceMs, atMs: sinceMs + retryInMs })
    attemptFailed(blamed, error, retryInMs)
  }

  #inHandOn(thread: WorkerThread): InHand[] {
    return this.#host
      .partitions()
      .flatMap(partition => partition.inHandOn(thread).map(record => ({ partition, record })))
  }
}

/** Who was told that its time is over, and went on, is to blame for that by itself; of others one is, and nobody knows which. */
function whoTogether(records: readonly InHand[]): (readonly InHand[])[] {
  const isEachToBlame = records.length > 0 && records.every(({ record }) => record.inHand === 'timed-out')
  return isEachToBlame ? records.map(one => [one]) : [records]
}

function recordOf({ partition, record }: InHand, { threadId }: WorkerThread): RecordOnThread {
  return { topic: partition.topic, partition: partition.partition, offset: record.offset, threadId }
}
