import type { Offset } from '../shared/types.ts'
import type { TakeResult } from './take-result.ts'

/** What an attempt is of. */
export interface Running {
  readonly offset: Offset
  /** Of a batch: its last record. */
  readonly lastOffset?: Offset
  readonly attempt: number
}

/** How a lane takes its records: one by one, or in batches. */
export interface Taker {
  /** There is something that may be taken, unless something is awaited or waited for. */
  readonly isReady: boolean
  /** Only while something is awaited. */
  readonly running: Running
  take(untilMs: number): TakeResult
  /** The lane is being given up: what is not running is left to whoever goes on with it. Idempotent. */
  cancel(): void
}
