import type { Offset } from '../../shared/types.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { LaneRecord } from '../record.ts'

/** A record that may have failed. */
export interface FailedRecord {
  readonly offset: Offset
  /** That failed. */
  attempts: number
  /** What failed the last one: made when somebody wants to know, as a batch may fail as a whole. */
  failure: () => GroupError
}

/** A record in hand outside of the way of records that succeed at once. */
export interface RecordAttempts extends FailedRecord {
  /** As it was, or is about to be, given to the handler. */
  record: LaneRecord
  /** Everything below is finished once this record and those before it are. */
  readonly end: Offset
  /** No attempt is left. */
  isUsedUp: boolean
  /** When it is run again; null: now. */
  retry: RetryWait | null
}

export interface RetryWait {
  /** Monotonic milliseconds. */
  readonly sinceMs: number
  readonly atMs: number
}

export function neverFailed(): never {
  throw new TypeError('a record that has not failed has no failure')
}
