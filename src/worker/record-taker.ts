import type { HandlerContext } from '../handler.ts'
import { monotonicMs, wallMs } from '../shared/clock.ts'
import type { GroupMemory } from '../shared/memory/group-memory.ts'
import type { LaneMemory } from '../shared/memory/lane-memory.ts'
import type { Offset } from '../shared/types.ts'
import { ClockStride } from './clock-stride.ts'
import type { RecordCursor } from './decode/record-cursor.ts'
import type { LaneInbox } from './feed/lane-inbox.ts'
import { LaneRecord, type RecordOrigin } from './record.ts'

/**
 * Why a lane stopped taking:
 * - `more`: its time is up
 * - `empty`: nothing is left to take
 * - `awaiting`: the handler returned a promise; `settled` is called when it is done
 * - `held`: the lease is over, or the group is being stopped
 * - `failed`: `failed` was called
 */
export type TakeResult = 'more' | 'empty' | 'awaiting' | 'held' | 'failed'

export interface TakerListener {
  /** The promise of the record in hand is done; it is no longer in hand, unless it failed. */
  settled(): void
  /** The handler failed at the record in hand. */
  handlerFailed(offset: Offset, thrown: unknown): void
  /** What comes next cannot be read; everything before it is finished. */
  feedFailed(thrown: unknown): void
}

export interface TakerParts {
  readonly group: GroupMemory
  /** Of the claim. */
  readonly generation: number
  readonly memory: LaneMemory
  readonly inbox: LaneInbox
  readonly cursor: RecordCursor
  readonly origin: RecordOrigin
  readonly handle: (record: LaneRecord, context: HandlerContext) => unknown
  readonly context: HandlerContext
  readonly listener: TakerListener
}

/**
 * Takes the records of one lane, one after the other, and keeps its shared memory. A sync handler costs a call and
 * two stores per record: no promise, timer or closure is made.
 */
export class RecordTaker {
  readonly #parts: TakerParts
  readonly #stride = new ClockStride()
  /** The cursor has bytes of the inbox; until it is done with them the inbox counts them. */
  #isOpen = false
  /** The cursor stands on a record that is not finished. */
  #isStanding = false
  /** The last look at the clock. */
  #nowMs = 0
  #awaitingSinceMs: number | null = null
  #handled: number

  constructor(parts: TakerParts) {
    this.#parts = parts
    this.#handled = parts.memory.handled
    parts.cursor.reset(NO_BYTES, parts.memory.floor, null)
  }

  /** Since when an async handler runs; null if none does. */
  get awaitingSinceMs(): number | null {
    return this.#awaitingSinceMs
  }

  get isEmpty(): boolean {
    return !this.#isOpen && this.#parts.inbox.isEmpty
  }

  /** Takes records until `untilMs`, at least one if there is any. */
  take(untilMs: number): TakeResult {
    const { memory } = this.#parts
    memory.setInHand('slice')
    try {
      return this.#run(untilMs)
    } catch (thrown) {
      this.#reportThrown(thrown)
      return 'failed'
    } finally {
      if (this.#awaitingSinceMs === null) memory.setInHand('nothing')
      else memory.setAwaited(this.#awaitingSinceMs)
    }
  }

  /** A lane that takes nothing any more keeps no bytes. Not while a record is in hand. */
  release(): void {
    this.#parts.cursor.release()
  }

  #run(untilMs: number): TakeResult {
    const { group, generation, cursor, inbox, origin, handle, context } = this.#parts
    const reader = cursor.record
    const lease = group.readLease() // once: reading it costs as much as a clock, and a deadline that grew meanwhile can wait
    let isFirst = true
    let allowed = 0
    let taken = 0 // since the clock was read
    for (;;) {
      if (!this.#isStanding) {
        const opensBatch = reader.left === 0
        if (opensBatch) allowed = taken // the next batch may take long to decompress: look at the clock behind it
        if (!this.#isOpen || !cursor.next()) {
          if (!this.#openNext()) return 'empty'
          continue
        }
        if (opensBatch) inbox.openedBatch(cursor.decompressedBytes)
        this.#isStanding = true
      }
      if (!group.mayStart(generation)) return 'held'
      if (taken === allowed) {
        const nowMs = (this.#nowMs = monotonicMs())
        if (!isFirst && nowMs >= untilMs) return 'more'
        if (nowMs >= lease.monoMs || wallMs() >= lease.wallMs) return 'held'
        allowed = isFirst ? this.#stride.restart(nowMs) : this.#stride.next(nowMs, taken)
        taken = 0
        isFirst = false
      }
      taken += 1
      const result = handle(new LaneRecord(origin, reader), context)
      if (result !== undefined && isThenable(result)) return this.#await(result)
      this.#finish()
    }
  }

  /** The record the cursor stands on is done. Visible before the next handler call, or a thread's death would repeat it. */
  #finish(): void {
    const { memory, cursor } = this.#parts
    const reader = cursor.record
    memory.advanceFloor(reader.left > 0 ? reader.offset + 1 : cursor.nextOffset) // behind a batch's last record its compacted tail counts too
    memory.setHandled((this.#handled += 1))
    this.#isStanding = false
  }

  /** Done with the bytes the cursor had; opens what comes next. False if nothing does. */
  #openNext(): boolean {
    const { memory, cursor, inbox } = this.#parts
    if (this.#isOpen) memory.advanceFloor(cursor.nextOffset) // what was hidden or compacted away at the end is passed too
    this.#isOpen = false
    const item = inbox.take()
    switch (item?.type) {
      case undefined:
        return false
      case 'chunk':
        cursor.reset(item.bytes, item.fetchOffset, item.aborted)
        this.#isOpen = true
        return true
      case 'jump':
        memory.advanceFloor(item.offset)
        return true
      case 'failure':
        throw item.error
    }
  }

  /**
   * The language's own `then`: one of the handler's might call back twice, and the floor would pass a record that is
   * not finished. What the result throws here, its `constructor` for one, is thrown before anything waits for it.
   */
  #await(result: PromiseLike<unknown>): TakeResult {
    void Promise.prototype.then.call(Promise.resolve(result), this.#onFulfilled, this.#onRejected)
    this.#awaitingSinceMs = this.#nowMs
    return 'awaiting'
  }

  // Made once per lane, so that an async handler costs no closure per record either.
  readonly #onFulfilled = (): void => {
    this.#awaitingSinceMs = null
    this.#finish()
    this.#settle()
  }

  readonly #onRejected = (thrown: unknown): void => {
    this.#awaitingSinceMs = null
    this.#reportThrown(thrown)
    this.#settle()
  }

  #settle(): void {
    this.#parts.memory.setInHand('nothing')
    this.#parts.listener.settled()
  }

  #reportThrown(thrown: unknown): void {
    const { memory, cursor, listener } = this.#parts
    if (this.#isStanding) {
      listener.handlerFailed(cursor.record.offset, thrown)
      return
    }
    if (this.#isOpen) memory.advanceFloor(cursor.nextOffset) // what came before the damage is good
    listener.feedFailed(thrown)
  }
}

const NO_BYTES = Buffer.alloc(0)

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
