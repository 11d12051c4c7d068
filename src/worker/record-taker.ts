import type { HandlerContext, KafkaRecord } from '../handler.ts'
import { monotonicMs, wallMs } from '../shared/clock.ts'
import type { GroupMemory } from '../shared/memory/group-memory.ts'
import type { LaneMemory } from '../shared/memory/lane-memory.ts'
import type { Offset } from '../shared/types.ts'
import type { Attempts, HandlerCall } from './attempts/attempts.ts'
import type { Permission } from './attempts/permission.ts'
import { isThenable, type AwaitedResult, type Awaiter } from './attempts/awaited-result.ts'
import type { Unfinished } from './attempts/unfinished.ts'
import { ClockStride } from './clock-stride.ts'
import type { RecordCursor } from './decode/record-cursor.ts'
import type { Running, Taker } from './lane-taker.ts'
import { LaneRecord, type RecordOrigin } from './record.ts'
import { LaneContext } from './handler/contexts.ts'
import type { RecordSource } from './record-source.ts'
import type { TakeResult } from './take-result.ts'

export interface RecordTakerParts {
  readonly group: GroupMemory
  /** Of the claim. */
  readonly generation: number
  readonly memory: LaneMemory
  readonly source: RecordSource
  readonly unfinished: Unfinished
  readonly attempts: Attempts
  readonly awaited: AwaitedResult
  readonly permission: Permission
  readonly origin: RecordOrigin
  readonly handle: (record: LaneRecord, context: HandlerContext) => unknown
  readonly context: LaneContext
}

/**
 * Takes the records of one lane, one after the other, and keeps its shared memory. A sync handler costs a call and
 * two stores per record: no promise, timer or closure is made. A record that fails goes to `Attempts`, and nothing behind
 * it is taken before it is out of hand there.
 */
export class RecordTaker implements Taker, Awaiter {
  readonly #parts: RecordTakerParts
  readonly #stride = new ClockStride()
  /** The cursor stands on a record that is not finished, nor in hand elsewhere. */
  #isStanding = false
  /** The last look at the clock. */
  #nowMs = 0

  constructor(parts: RecordTakerParts) {
    this.#parts = parts
  }

  get isReady(): boolean {
    return !this.#parts.attempts.isIdle || !this.#parts.source.isEmpty
  }

  get running(): Running {
    const { attempts, source } = this.#parts
    return attempts.isIdle ? { offset: source.cursor.record.offset, attempt: 1 } : attempts.running
  }

  /** Takes records until `untilMs`, at least one if there is any. Throws what the fetch met; what came before is finished. */
  take(untilMs: number): TakeResult {
    try {
      return this.#parts.attempts.run(untilMs) ?? this.#takeFresh(untilMs)
    } catch (thrown) {
      if (!this.#isStanding) throw thrown
      return this.#fail(thrown)
    }
  }

  cancel(): void {
    this.#parts.attempts.cancel()
  }

  fulfilled(): void {
    const { memory, source } = this.#parts
    finish(memory, source.cursor, memory.handled + 1)
    this.#isStanding = false
  }

  rejected(thrown: unknown): void {
    this.#fail(thrown)
  }

  #takeFresh(untilMs: number): TakeResult {
    const { group, generation, memory, source, unfinished, permission, origin, handle, context } = this.#parts
    const { cursor, inbox } = source
    const reader = cursor.record
    const lease = group.readLease() // once: reading it costs as much as a clock, and a deadline that grew meanwhile can wait
    let { frontier } = unfinished // it moves only when a record fails, and then nothing further is taken here, or at a jump
    const { below, isAlone } = permission // they change between two calls of this
    let { handled } = memory
    let floor = -1
    let isFirst = true
    let allowed = 0
    let taken = 0 // since the clock was read
    for (;;) {
      if (!this.#isStanding) {
        const opensBatch = reader.left === 0
        if (opensBatch) {
          allowed = taken // the next batch may take long to decompress: look at the clock behind it
          memory.setInHand('nothing') // and no record is to blame for that
        }
        if (!source.isOpen || !cursor.next()) {
          if (!this.#openNext()) return 'empty'
          frontier = unfinished.frontier
          continue
        }
        if (opensBatch) {
          inbox.openedBatch(cursor.decompressedBytes)
          memory.setInHand('slice') // before `mayStart`: see GroupMemory
        }
        this.#isStanding = true
      }
      if (reader.offset >= below && !permission.covers(reader.offset, reader.offset + 1)) return 'waiting'
      if (!group.mayStart(generation, isAlone)) return 'held'
      if (taken === allowed) {
        const nowMs = (this.#nowMs = monotonicMs())
        if (!isFirst && nowMs >= untilMs) return 'more'
        if (nowMs >= lease.monoMs || wallMs() >= lease.wallMs) return 'held'
        allowed = isFirst ? this.#stride.restart(nowMs) : this.#stride.next(nowMs, taken)
        taken = 0
        isFirst = false
      }
      taken += 1
      if (reader.offset !== floor) {
        if (reader.offset < frontier) return this.#meetKnown()
        // Behind a gap in the log, too, what is in hand is at the floor: who counts the attempt when the thread ends in it finds it.
        memory.advanceFloor(reader.offset)
      }
      const result = handle(new LaneRecord(origin, reader), context)
      if (result !== undefined && isThenable(result)) return this.#await(result, taken)
      LaneContext.renewSignal(context)
      floor = finish(memory, cursor, (handled += 1))
      this.#isStanding = false
    }
  }

  #openNext(): boolean {
    const { source, unfinished } = this.#parts
    const isMore = source.openNext()
    unfinished.passed(source.passed)
    return isMore
  }

  /** `taken`: records since the last look at the clock, which tells when this one began only if no other came before it; else that counts as now. */
  #await(result: PromiseLike<unknown>, taken: number): TakeResult {
    this.#parts.awaited.start(result, taken === 1 ? this.#nowMs : monotonicMs(), this)
    return 'awaiting'
  }

  /** The lane began with records in hand, and the cursor stands on one from that time. */
  #meetKnown(): TakeResult {
    const { attempts, source, unfinished, origin } = this.#parts
    const { record } = source.cursor
    const failed = unfinished.attemptsOf(record.offset)
    this.#isStanding = false
    if (failed !== null) attempts.meet(new LaneRecord(origin, record), record.offset, failed)
    return 'more'
  }

  #fail(thrown: unknown): TakeResult {
    const { attempts, source, origin } = this.#parts
    this.#isStanding = false
    return attempts.failFresh(new LaneRecord(origin, source.cursor.record), thrown)
  }
}

/** The record the cursor stands on is done. Visible before the next handler call, or a thread's death would repeat it. */
function finish(memory: LaneMemory, cursor: RecordCursor, handled: number): Offset {
  const { left, offset } = cursor.record
  const floor = left > 0 ? offset + 1 : cursor.nextOffset // behind a batch's last record its compacted tail counts too
  memory.advanceFloor(floor)
  memory.setHandled(handled)
  return floor
}

/** How a module that handles record by record is called again. */
export function callOnOne(
  handle: (record: LaneRecord, context: HandlerContext) => unknown,
  context: HandlerContext,
): (records: readonly LaneRecord[]) => HandlerCall {
  return records => ({ run: () => handle(records[0]!, context), failures: NONE, close: () => {} })
}

const NONE: ReadonlyMap<KafkaRecord, unknown> = new Map()
