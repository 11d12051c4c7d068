import { monotonicMs } from '../../shared/clock.ts'
import { toWire } from '../../shared/error-wire.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { AttemptsUsedUp, DeadLetter, LaneId, OnFailure, WorkerMessage } from '../../shared/protocol.ts'
import { deadLetterFailed, partitionStops, type AttemptPlace } from '../lane-errors.ts'
import { deadLetterOf } from './dead-letter.ts'
import type { RecordAttempts, RetryWait } from './failed-record.ts'

export type RecordFailed = Extract<WorkerMessage, { readonly type: 'record-failed' }>

/** What of a lane or its thread is told of records that failed. */
export interface FateListener {
  recordFailed(message: RecordFailed): void
  /** Before a dead letter is sent: the lane may leave the thread before it is stored. */
  usedUp(message: AttemptsUsedUp): void
  /** Resolves when the brokers have it. */
  deadLetter(letter: DeadLetter): Promise<void>
  /** The partition stops at the record in hand. */
  failed(error: GroupError): void
  troubled(error: GroupError): void
  /** What the lane waits for has changed; it may be able to go on. */
  waitChanged(): void
}

export interface FateParts {
  readonly lane: LaneId
  readonly threadId: number
  readonly memory: LaneMemory
  readonly onFailure: OnFailure
  readonly listener: FateListener
  /** A record was left out or is stored elsewhere: it is finished. */
  finished(): void
  /** Its partition stops at it. */
  stopped(): void
}

/** `finished`: it is no longer in hand; `waiting`: what comes of it is known later; `failed`: the lane is over. */
export type Disposal = 'finished' | 'waiting' | 'failed'

/** Waits with the first record in hand for its next attempt, or brings it where records go whose attempts are used up. */
export class Fate {
  readonly #parts: FateParts
  #waitsFor: '' | 'retry' | 'dead-letter' = ''
  #timer: NodeJS.Timeout | null = null
  /** What is waited for. An answer to something else comes too late: the lane has been given up, perhaps to another thread. */
  #wait: symbol | null = null
  #isCancelled = false

  constructor(parts: FateParts) {
    this.#parts = parts
  }

  get waitsFor(): '' | 'retry' | 'dead-letter' {
    return this.#waitsFor
  }

  /** The lane is being given up: nothing is waited for any more, and what waits stays unfinished. Idempotent. */
  cancel(): void {
    this.#isCancelled = true
    this.#endWait()
  }

  /** The record is to run again: publishes when, for whoever looks or goes on with the lane. Idempotent. */
  waitForRetry(wait: RetryWait, over: () => void): void {
    this.#parts.memory.setRetry(wait)
    if (this.#isCancelled || this.#waitsFor !== '') return
    this.#beginWait('retry')
    this.#timer = setTimeout(
      () => {
        this.#parts.memory.setRetry(null)
        over()
        this.#endWait()
        this.#parts.listener.waitChanged()
      },
      Math.max(0, wait.atMs - monotonicMs()),
    )
  }

  /** Its attempts are used up. */
  dispose(record: RecordAttempts): Disposal {
    switch (this.#parts.onFailure) {
      case 'stop':
        return this.#stop(record.failure())
      case 'skip':
        this.#tell(record, 'skipped')
        this.#parts.finished()
        return 'finished'
      case 'dead-letter':
        return this.#store(record)
    }
  }

  #stop(error: GroupError): Disposal {
    this.#parts.stopped()
    this.#parts.listener.failed(this.#isCancelled ? error : partitionStops(error))
    return 'failed'
  }

  #store(record: RecordAttempts): Disposal {
    const { lane, threadId, listener } = this.#parts
    if (this.#waitsFor !== '') return 'waiting'
    const { offset, attempts } = record
    listener.usedUp({ type: 'attempts-used-up', lane, offset, attempts, error: toWire(record.failure()) })
    if (this.#isCancelled) return 'waiting' // whoever goes on with the lane stores it
    const wait = this.#beginWait('dead-letter')
    const letter = deadLetterOf(record.record, {
      lane,
      attempts,
      error: record.failure(),
      threadId,
    })
    listener.deadLetter(letter).then(
      () => this.#isWaitingFor(wait) && this.#stored(record),
      (thrown: unknown) => this.#isWaitingFor(wait) && this.#notStored(record, thrown),
    )
    return 'waiting'
  }

  #stored(record: RecordAttempts): void {
    this.#tell(record, 'dead-lettered')
    this.#parts.finished()
    this.#endWait()
    this.#parts.listener.waitChanged()
  }

  #notStored(record: RecordAttempts, thrown: unknown): void {
    this.#endWait()
    this.#stop(deadLetterFailed(this.#placeOf(record), thrown))
  }

  #placeOf({ offset, attempts }: RecordAttempts): AttemptPlace {
    const { lane, threadId } = this.#parts
    return { topic: lane.topic, partition: lane.partition, offset, attempt: attempts, threadId }
  }

  /** Before the floor moves on: a thread that ends in between tells it twice rather than never. */
  #tell(record: RecordAttempts, outcome: 'skipped' | 'dead-lettered'): void {
    const { lane, listener } = this.#parts
    const { offset, attempts } = record
    const error = toWire(record.failure())
    listener.recordFailed({
      type: 'record-failed',
      lane,
      offset,
      attempt: attempts,
      outcome,
      retryInMs: null,
      error,
    })
  }

  #beginWait(waitsFor: 'retry' | 'dead-letter'): symbol {
    this.#waitsFor = waitsFor
    return (this.#wait = Symbol(waitsFor))
  }

  #isWaitingFor(wait: symbol): boolean {
    return this.#wait === wait
  }

  #endWait(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#wait = null
    this.#waitsFor = ''
  }
}
