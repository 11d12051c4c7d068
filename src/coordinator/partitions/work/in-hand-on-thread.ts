import type { InHandAs } from '../../../shared/memory/lane-memory.ts'
import type { Offset } from '../../../shared/types.ts'
import type { BlamedAttempt } from '../../failures/blame.ts'
import type { GroupError } from '../../../shared/errors.ts'

/** Monotonic milliseconds since when a record waits for its next attempt, and when that begins. */
export interface RetryWait {
  readonly sinceMs: number
  readonly atMs: number
}

/** A record that runs on a thread, or did when the thread exited; of a batch its first. Evidence, and what a verdict does to it. */
export interface InHandOnThread {
  readonly offset: Offset
  readonly inHand: Exclude<InHandAs, 'nothing'>
  /** When its async handler was called, in monotonic milliseconds; null if none is under way. */
  readonly awaitingSinceMs: number | null
  /**
   * The thread has exited, and this is why: writes that the attempt failed, for whoever goes on. Null if a batch was in hand:
   * nobody knows which record it was, so they are run one at a time from now on, and none has failed yet.
   */
  blame(): BlamedAttempt | null
  /** What failed a blamed attempt, and what becomes of the record: it waits, or (null) is given up where it is met next. */
  failed(attempt: BlamedAttempt, error: GroupError, retry: RetryWait | null): void
  /** The thread has exited, and this may be why: it runs alone for a while where it is met next. */
  suspect(): void
}
