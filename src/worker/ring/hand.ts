import type { GroupError } from '../../shared/errors.ts'
import type { SlotState } from '../../shared/memory/ring/ring-layout.ts'
import type { Offset } from '../../shared/types.ts'
import { AwaitedResult, type Awaiter } from '../attempts/awaited-result.ts'
import type { TimedLane } from '../attempts/deadline-timer.ts'
import { neverFailed, type RecordAttempts, type RetryWait } from '../attempts/failed-record.ts'
import type { LaneContext } from '../handler/contexts.ts'
import type { LaneRecord } from '../record.ts'
import type { TakenRecord } from './seat-memory.ts'

/** Whose hands they are. */
export interface HandOwner {
  fulfilled(hand: Hand): void
  rejected(hand: Hand, thrown: unknown): void
  /** Behind either of them: nothing of it runs any more. */
  settled(hand: Hand): void
  /** Its time is over. */
  timeOut(hand: Hand): void
  deadlineError(hand: Hand, cause: unknown): GroupError
}

/** One record in hand of a seat. One object per slot, made once: what is taken there later has the same context. */
export class Hand implements TakenRecord, Omit<RecordAttempts, 'end'>, TimedLane, Awaiter {
  readonly slot: number
  readonly context: LaneContext
  readonly awaited: AwaitedResult
  readonly #owner: HandOwner
  /** As its slot says it. */
  state: SlotState = 'free'
  seq = 0
  offset: Offset = -1
  lane = 0
  hash: number | null = null
  attempts = 0
  failure: () => GroupError = neverFailed
  isUsedUp = false
  retry: RetryWait | null = null
  /** See Care: how many were taken before it, whether it is to run alone, and the turn in which it was begun. */
  takenAs = 0
  isSuspect = false
  begunIn = 0
  #record: LaneRecord | null = null
  /** Those that are awaited know their neighbours: see AwaitedHands. */
  older: Hand | null = null
  newer: Hand | null = null

  constructor(slot: number, context: LaneContext, owner: HandOwner) {
    this.slot = slot
    this.context = context
    this.#owner = owner
    this.awaited = new AwaitedResult({
      settled: () => owner.settled(this),
      timedOut: cause => owner.deadlineError(this, cause),
    })
  }

  /** Only while it is run, or brought where records go whose attempts are used up. */
  get record(): LaneRecord {
    return this.#record!
  }

  set record(record: LaneRecord) {
    this.#record = record
  }

  /** The record is in this slot. */
  take({ seq, offset, lane, hash, attempts }: TakenRecord): void {
    this.seq = seq
    this.offset = offset
    this.lane = lane
    this.hash = hash
    this.attempts = attempts
  }

  /** Keeps nothing of a record that was in hand. */
  clear(): void {
    this.state = 'free'
    this.failure = neverFailed
    this.isUsedUp = false
    this.isSuspect = false
    this.retry = null
    this.#record = null
  }

  /** It waits, perhaps for long: when it is run again its bytes are copied out of the ring anew. */
  forgetRecord(): void {
    this.#record = null
  }

  get awaitingSinceMs(): number | null {
    return this.awaited.sinceMs
  }

  get isTimedOut(): boolean {
    return this.awaited.isTimedOut
  }

  timeOut(): void {
    this.#owner.timeOut(this)
  }

  fulfilled(): void {
    this.#owner.fulfilled(this)
  }

  rejected(thrown: unknown): void {
    this.#owner.rejected(this, thrown)
  }
}
