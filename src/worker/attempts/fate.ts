import type { GroupError } from '../../shared/errors.ts'
import type { DeadLetter, OnFailure } from '../../shared/protocol.ts'
import { deadLetterFailed, partitionStops } from '../lane-errors.ts'
import type { LaneRecord } from '../record.ts'
import { deadLetterOf } from './dead-letter.ts'
import type { FailedRecord } from './failed-record.ts'
import type { NewsListener, RecordNews } from './record-news.ts'

/** What of a lane or its thread is told of records that failed. */
export interface FateListener extends NewsListener {
  /** Resolves when the brokers have it. */
  deadLetter(letter: DeadLetter): Promise<void>
  /** The partition stops at the record in hand. */
  failed(error: GroupError): void
  troubled(error: GroupError): void
  /** What the lane waits for has changed; it may be able to go on. */
  waitChanged(): void
}

/** A record whose attempts are used up. */
export interface DoomedRecord extends FailedRecord {
  readonly record: LaneRecord
}

export interface FateParts<Doomed> {
  readonly news: RecordNews
  readonly onFailure: OnFailure
  readonly listener: Pick<FateListener, 'deadLetter' | 'failed' | 'waitChanged'>
  /** The record was left out or is stored elsewhere: it is finished. */
  finished(record: Doomed): void
  /** Its partition stops at it. */
  stopped(record: Doomed): void
}

/** `finished`: it is no longer in hand; `waiting`: what comes of it is known later; `failed`: the lane is over. */
export type Disposal = 'finished' | 'waiting' | 'failed'

/** Brings records of a lane where those go whose attempts are used up. */
export class Fate<Doomed extends DoomedRecord> {
  readonly #parts: FateParts<Doomed>
  /** Their dead letters are waited for. An answer to another one comes too late: the lane has been given up, perhaps to another thread. */
  readonly #storing = new Set<Doomed>()
  #isCancelled = false

  constructor(parts: FateParts<Doomed>) {
    this.#parts = parts
  }

  /** Dead letters are waited for. */
  get isStoring(): boolean {
    return this.#storing.size > 0
  }

  /** The lane is being given up: nothing is waited for any more, and what waits stays unfinished. Idempotent. */
  cancel(): void {
    this.#isCancelled = true
    this.#storing.clear()
  }

  /** Its attempts are used up. Idempotent while its dead letter is waited for. */
  dispose(record: Doomed): Disposal {
    switch (this.#parts.onFailure) {
      case 'stop':
        return this.#stop(record, record.failure())
      case 'skip':
        this.#parts.news.over(record, 'skipped')
        this.#parts.finished(record)
        return 'finished'
      case 'dead-letter':
        return this.#store(record)
    }
  }

  #stop(record: Doomed, error: GroupError): Disposal {
    this.#parts.stopped(record)
    this.#parts.listener.failed(this.#isCancelled ? error : partitionStops(error))
    return 'failed'
  }

  #store(record: Doomed): Disposal {
    const { news, listener } = this.#parts
    if (this.#storing.has(record)) return 'waiting'
    news.usedUp(record)
    if (this.#isCancelled) return 'waiting' // whoever goes on with the lane stores it
    this.#storing.add(record)
    const { lane, threadId } = news
    const letter = deadLetterOf(record.record, {
      ...{ lane, threadId, attempts: record.attempts, error: record.failure() },
    })
    listener.deadLetter(letter).then(
      () => this.#storing.delete(record) && this.#stored(record),
      (thrown: unknown) => this.#storing.delete(record) && this.#notStored(record, thrown),
    )
    return 'waiting'
  }

  #stored(record: Doomed): void {
    const { news, listener } = this.#parts
    news.over(record, 'dead-lettered')
    this.#parts.finished(record)
    listener.waitChanged()
  }

  #notStored(record: Doomed, thrown: unknown): void {
    const place = this.#parts.news.place(record.offset, record.attempts)
    this.#stop(record, deadLetterFailed(place, thrown))
  }
}
