import { GroupError } from '../../shared/errors.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import type { BlamedAttempt } from './blame.ts'

/** A record that was being handled, or was about to be. */
export interface RecordOnThread extends TopicPartition {
  readonly offset: Offset
  readonly threadId: number
}

export type BlamedRecord = RecordOnThread & BlamedAttempt

/** What failed an attempt that ended with its thread; `death` is WORKER_DIED. */
export function killedThread(record: BlamedRecord, death: GroupError): GroupError {
  return new GroupError(
    'HANDLER_KILLED_THREAD',
    `attempt ${record.attempt} of ${nameOf(record)} ended its thread: ${death.message}`,
    { details: detailsOf(record, record.attempt), cause: death.cause },
  )
}

/** What failed an attempt whose thread was ended because it took too long; `isBlocked`: no signal could reach it there. */
export function ranTooLong(record: BlamedRecord, timeoutMs: number, isBlocked: boolean): GroupError {
  return new GroupError(
    'HANDLER_TIMEOUT',
    `attempt ${record.attempt} of ${nameOf(record)} took longer than handlerTimeoutMs (${timeoutMs} ms) and ${isBlocked ? 'blocked its thread, which hears nothing then' : 'did not heed its signal'}; its thread was ended and is replaced`,
    { details: detailsOf(record, record.attempt) },
  )
}

/**
 * A thread is ended because several took too long: which of them blocks it cannot be known, or each ignores its signal. Of
 * none, if all have ended by then.
 */
export function someRanTooLong(
  threadId: number,
  records: readonly RecordOnThread[],
  timeoutMs: number,
  isBlocked: boolean,
): GroupError {
  const what = isBlocked
    ? `a handler blocked worker thread ${threadId} for longer than handlerTimeoutMs (${timeoutMs} ms)`
    : `handlers on worker thread ${threadId} took longer than handlerTimeoutMs (${timeoutMs} ms) and did not heed their signals`
  const next = isBlocked ? suspected(records) : runAgainAlone(records)
  return new GroupError(
    'HANDLER_TIMEOUT',
    `${what}; the thread was ended and is replaced; ${records.length === 0 ? 'what ran has ended by now, in time to be no failed attempt' : next}`,
    { details: { threadId } },
  )
}

/** The thread of a handler that took too long goes on all the same. */
export function cannotBeEnded(record: RecordOnThread, timeoutMs: number): GroupError {
  return new GroupError(
    'HANDLER_TIMEOUT',
    `the handler of ${nameOf(record)} took longer than handlerTimeoutMs (${timeoutMs} ms), and its thread ${record.threadId} cannot be ended before the native call that it is in returns; its partitions wait`,
    { details: detailsOf(record) },
  )
}

/** A thread died: with what is known of the reason. `cause` is WORKER_DIED. */
export function threadDied(death: GroupError, guilty: BlamedRecord | null): GroupError {
  if (guilty === null) return death
  return new GroupError(
    'WORKER_DIED',
    `${death.message}; it ran attempt ${guilty.attempt} of ${nameOf(guilty)}`,
    {
      details: detailsOf(guilty, guilty.attempt),
      cause: death.cause,
    },
  )
}

/** A thread died with several records in hand. */
export function threadDiedWithSuspects(death: GroupError, records: readonly RecordOnThread[]): GroupError {
  return new GroupError('WORKER_DIED', `${death.message}; ${suspected(records)}`, {
    details: death.details,
    cause: death.cause,
  })
}

/** Threads of one place die again and again. */
export function diesAgainAndAgain(death: GroupError): GroupError {
  return new GroupError(
    'WORKER_DIED',
    `${death.message}; that was one time too many in a row without finishing a record`,
    { details: death.details, cause: death.cause },
  )
}

function suspected(records: readonly RecordOnThread[]): string {
  return `one of these did it, so ${runAgainAlone(records)}`
}

function runAgainAlone(records: readonly RecordOnThread[]): string {
  return `they are run again one at a time: ${records.map(nameOf).join(', ')}`
}

function nameOf(record: RecordOnThread): string {
  return `${partitionName(record)} at offset ${record.offset}`
}

function detailsOf(
  { topic, partition, offset, threadId }: RecordOnThread,
  attempt?: number,
): Record<string, unknown> {
  return { topic, partition, offset, ...(attempt === undefined ? {} : { attempt }), threadId }
}
