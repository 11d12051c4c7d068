import { monotonicMs } from '../../shared/clock.ts'
import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { Attempts } from '../attempts/attempts.ts'
import type { Permission } from '../attempts/permission.ts'
import type { Unfinished } from '../attempts/unfinished.ts'
import type { Running, Taker } from '../lane-taker.ts'
import { LaneRecord, type RecordOrigin } from '../record.ts'
import type { RecordSource } from '../record-source.ts'
import type { TakeResult } from '../take-result.ts'

export interface BatchTakerParts {
  readonly memory: LaneMemory
  readonly source: RecordSource
  readonly unfinished: Unfinished
  readonly attempts: Attempts
  readonly permission: Permission
  readonly origin: RecordOrigin
  readonly batchSize: number
  readonly batchWaitMs: number
  /** More can be fetched while the gathered records are in memory. */
  readonly hasRoom: () => boolean
  /** A batch has waited long enough. */
  readonly due: () => void
}

/** What gathering came to: enough for a batch, all there is, or a record that is in hand from another thread. */
type Gathered = 'full' | 'short' | 'met'

/**
 * Takes the records of one lane batch by batch: as many as fit and as are there, or come soon enough. What is gathered and
 * not yet run is not in hand: a lane that is given up forgets it, and one that is paused keeps it.
 */
export class BatchTaker implements Taker {
  readonly #parts: BatchTakerParts
  #gathered: LaneRecord[] = []
  /** Behind the last one. */
  #end = 0
  /** How many of them make a batch. */
  #limit = 1
  /** The gathered records wait no longer for others. */
  #isDue = false
  #timer: NodeJS.Timeout | null = null
  /** Met behind the gathered records. */
  #feedFailure: { readonly thrown: unknown } | null = null

  constructor(parts: BatchTakerParts) {
    this.#parts = parts
  }

  get isReady(): boolean {
    const { attempts, source } = this.#parts
    if (!attempts.isIdle || !source.isEmpty || this.#isDue || this.#feedFailure !== null) return true
    return this.#gathered.length === 0 && source.inbox.isKeeping // of a batch that has ended with the turn, or was async
  }

  get running(): Running {
    return this.#parts.attempts.running
  }

  take(untilMs: number): TakeResult {
    const { attempts, source, memory } = this.#parts
    for (let isFirst = true; ; isFirst = false) {
      const result = attempts.run(untilMs)
      if (result !== null) return result
      if (this.#gathered.length === 0) source.inbox.dropKept() // nothing of it is in hand any more
      if (!isFirst && monotonicMs() >= untilMs) return 'more'
      memory.setInHand('nothing') // it may take long to decompress what comes, and no record is to blame for that
      const gathered = this.#gather()
      memory.setInHand('slice') // before `mayStart`: see GroupMemory
      if (gathered === 'met') continue
      if (this.#gathered.length === 0) return 'empty'
      if (gathered === 'short' && !this.#isDone()) return 'empty'
      this.#hand()
    }
  }

  cancel(): void {
    this.#parts.attempts.cancel()
    this.#forget()
  }

  #gather(): Gathered {
    const { source } = this.#parts
    const { cursor, inbox } = source
    const reader = cursor.record
    while (this.#gathered.length < this.#limit) {
      const opensBatch = reader.left === 0
      if (!source.isOpen || !this.#moves()) {
        if (!this.#openNext()) return 'short'
        continue
      }
      if (opensBatch) inbox.openedBatch(cursor.decompressedBytes)
      if (this.#isKnown(reader.offset)) {
        if (this.#meet()) return 'met'
      } else this.#add()
    }
    return 'full'
  }

  #isKnown(offset: number): boolean {
    return offset < this.#parts.unfinished.frontier
  }

  #add(): void {
    const { origin, source, memory, permission, batchSize } = this.#parts
    const { record } = source.cursor
    // One at a time where one among them may have ended its thread.
    if (this.#gathered.length === 0) {
      const limit = record.offset < memory.singlesBelow ? 1 : batchSize
      this.#limit = Math.min(limit, permission.batchAt(record.offset))
    }
    this.#gathered.push(new LaneRecord(origin, record))
    this.#end = record.offset + 1
  }

  /** The lane began with records in hand: false if this one was finished. */
  #meet(): boolean {
    const { attempts, origin, source, unfinished } = this.#parts
    const { record } = source.cursor
    const failed = unfinished.attemptsOf(record.offset)
    if (failed === null) return false
    attempts.meet(new LaneRecord(origin, record), record.offset, failed)
    return true
  }

  #moves(): boolean {
    return this.#orFailure(() => this.#parts.source.cursor.next())
  }

  #openNext(): boolean {
    const { source, unfinished } = this.#parts
    const isMore = this.#orFailure(() => source.openNext(this.#gathered.length > 0))
    // What is gathered is not finished: until it is, the floor stays below it, whatever lies behind.
    if (this.#gathered.length === 0) unfinished.passed(source.passed)
    else this.#end = Math.max(this.#end, source.passed)
    return isMore
  }

  /** What came before the damage is good, and goes first. */
  #orFailure(read: () => boolean): boolean {
    const { source } = this.#parts
    if (this.#feedFailure !== null) {
      if (this.#gathered.length > 0) return false
      throw this.#feedFailure.thrown
    }
    try {
      return read()
    } catch (thrown) {
      source.close()
      this.#feedFailure = { thrown }
      if (this.#gathered.length === 0) throw thrown
      this.#end = Math.max(this.#end, source.passed)
      return false
    }
  }

  /** A batch that is not full may wait for more, if more can come. */
  #isDone(): boolean {
    const { batchWaitMs, hasRoom, due } = this.#parts
    if (this.#isDue || batchWaitMs === 0 || this.#feedFailure !== null || !hasRoom()) return true
    this.#timer ??= setTimeout(() => {
      this.#isDue = true
      due()
    }, batchWaitMs)
    return false
  }

  /** The gathered records are in hand from now on. */
  #hand(): void {
    const records = this.#gathered
    this.#forget()
    this.#parts.attempts.take(records, this.#end)
  }

  #forget(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#isDue = false
    this.#gathered = []
  }
}
