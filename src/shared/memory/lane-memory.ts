import type { Offset } from '../types.ts'
import { RemainderMemory, type Remainder } from './remainder-memory.ts'

/**
 * Shared memory of one lane of one claim. Written by the one thread that runs the lane, read by the coordinator.
 *
 * Each claim of a partition gets a fresh buffer, and no buffer is ever reused: a late store of an old claim lands
 * in memory that nobody reads any more. When a lane moves to another thread, the old writer has acknowledged its
 * drain (or its thread has exited) before the new one is given the buffer, so there is one writer at any time.
 *
 * | slot            | type  | meaning                                                                | reset      |
 * | --------------- | ----- | ---------------------------------------------------------------------- | ---------- |
 * | FLOOR_HIGH_NEXT | int32 | high word of the floor, written first when it changes                  | at a claim |
 * | FLOOR_LOW       | int32 | low 32 bits of the floor                                               | at a claim |
 * | FLOOR_HIGH      | int32 | high word of the floor, written last when it changes                   | at a claim |
 * | IN_HAND         | int32 | index into IN_HAND_AS: what is in hand, and how                        | at a claim |
 * | HANDLED         | int32 | records finished, modulo 2^32: readers take differences                | at a claim |
 * | FAILED          | int32 | attempts that failed, modulo 2^32                                      | at a claim |
 * | BUFFERED_BYTES  | int32 | bytes fetched and not yet handled                                      | at a claim |
 * | WAITS_FOR       | int32 | index into WAIT_REASONS: why no record is taken                        | at a claim |
 * | HIGH_WATERMARK  | int64 | end of the partition as of the last fetch (last stable offset if read_committed); -1 unknown | at a claim |
 * | AWAITING_SINCE  | int64 | monotonic microseconds at which the async handler in hand was called   | never      |
 * | BATCH_END       | int64 | behind the last record of the batch in hand; 0 if one record is        | at a claim |
 * | RETRY_SINCE     | int64 | monotonic microseconds since when the first record in hand waits for its next attempt; 0: none waits | at a claim |
 * | RETRY_AT        | int64 | monotonic microseconds at which it is run again                        | at a claim |
 * | SINGLES_BELOW   | int64 | records below are run one at a time, because one among them may have ended its thread | at a claim |
 * | the remainder   |       | see remainder-memory.ts                                                | at a claim |
 *
 * In partition order a lane is serial: its frontier is its floor while nothing is in hand, else the floor plus one
 * record or batch. So one number per finished record is the whole progress, until an attempt fails: then the remainder
 * tells what is left below the frontier. The coordinator writes it, too, when the thread has exited with a record in hand.
 */
const FLOOR_HIGH_NEXT = 0
const FLOOR_LOW = 1
const FLOOR_HIGH = 2
const IN_HAND = 3
const HANDLED = 4
const FAILED = 5
const BUFFERED_BYTES = 6
const WAITS_FOR = 7
const HIGH_WATERMARK = 4 // in 64-bit words
const AWAITING_SINCE = 5
const BATCH_END = 6
const RETRY_SINCE = 7
const RETRY_AT = 8
const SINGLES_BELOW = 9
const BYTES = 128

/**
 * What a lane has in hand: `slice`: the lane is on the stack of its thread, perhaps in its handler; `awaited`: its async
 * handler is under way and the thread free; `timed-out`: the same, and its signal has aborted because its time is over.
 */
export const IN_HAND_AS = ['nothing', 'slice', 'awaited', 'timed-out'] as const
export type InHandAs = (typeof IN_HAND_AS)[number]

const TWO_32 = 2 ** 32

/** Why a lane takes no record; the position in the list is what shared memory holds. */
export const WAIT_REASONS = [
  '',
  'lease',
  'paused',
  'failed',
  'fetch-error',
  'draining',
  'retry',
  'dead-letter',
  'suspect',
  'announce',
  'alone',
] as const
export type WaitReason = (typeof WAIT_REASONS)[number]

export interface LaneReading {
  /** The next offset to read after a crash: everything below is finished. */
  readonly floor: Offset
  readonly inHand: InHandAs
  /** When the async handler in hand was called, in monotonic milliseconds; null if none is. */
  readonly awaitingSinceMs: number | null
  /** Attempts of the record at the floor that failed. */
  readonly attempts: number
  /** Monotonic milliseconds since when it waits for its next attempt, and when that begins; null if it does not wait. */
  readonly retry: { readonly sinceMs: number; readonly atMs: number } | null
  readonly handled: number
  readonly failed: number
  readonly bufferedBytes: number
  readonly waitsFor: WaitReason
  /** -1 until the first fetch. */
  readonly highWatermark: Offset
}

export class LaneMemory {
  readonly buffer: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #longs: BigInt64Array
  readonly #remainder: RemainderMemory
  /** Writer's copy of the high word, so that a finished record costs one store. */
  #high: number

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#longs = new BigInt64Array(buffer, 0, BYTES / BigInt64Array.BYTES_PER_ELEMENT)
    this.#remainder = new RemainderMemory(buffer, BYTES)
    this.#high = this.#words[FLOOR_HIGH]!
  }

  /**
   * Coordinator, at a claim: a lane that starts at `floor`, of which `remainder` is left if that is not all. `maxInHand`:
   * how many records it may have in hand at once; more of those that are left are taken in all the same.
   */
  static create(floor: Offset, maxInHand = 1, remainder: Remainder | null = null): LaneMemory {
    const capacity = Math.max(maxInHand, remainder?.inHand.length ?? 0)
    const memory = new LaneMemory(new SharedArrayBuffer(BYTES + RemainderMemory.bytesFor(capacity)))
    memory.advanceFloor(floor)
    if (remainder !== null) memory.setRemainder(remainder)
    Atomics.store(memory.#longs, HIGH_WATERMARK, -1n)
    return memory
  }

  /** Worker: the lane it was given. */
  static attach(buffer: SharedArrayBuffer): LaneMemory {
    return new LaneMemory(buffer)
  }

  /** Writer: everything below `floor` is finished. Must be visible before the next handler call, or a death of the thread would repeat a record. */
  advanceFloor(floor: Offset): void {
    const high = Math.floor(floor / TWO_32)
    if (high === this.#high) {
      // A plain store is enough; an atomic one would cost a quarter of all that a record costs. No part of it is ever
      // seen alone: an aligned word. No compiler puts it off beyond a call that it cannot look into, and a handler has no
      // effect on the world without one. No core keeps it to itself, and a thread that ends leaves nothing unwritten.
      // No reader pairs it with another high word: the atomic stores below wait for the plain ones before them, and a
      // plain one after them comes after their store to this same word, which has waited for FLOOR_HIGH_NEXT.
      this.#words[FLOOR_LOW] = floor | 0
      return
    }
    // Next-high, low, high: a reader that loads high, low, next-high sees two equal high words only if no change
    // of the high word lies between its loads, so it never pairs a new low word with an old high one.
    Atomics.store(this.#words, FLOOR_HIGH_NEXT, high)
    Atomics.store(this.#words, FLOOR_LOW, (floor % TWO_32) | 0)
    Atomics.store(this.#words, FLOOR_HIGH, high)
    this.#high = high
  }

  /** Reader. Never beyond what is finished, and never below what it was before. */
  get floor(): Offset {
    return this.#position.floor
  }

  /** What is left below the frontier, with its attempts; null if everything below the floor is all that was taken. */
  get remainder(): Remainder | null {
    return this.#position.remainder
  }

  /**
   * Writer, before the floor moves into it: a floor beyond a record that failed, without the remainder that names it,
   * would say that it is finished. `inHand` in the order of the offsets, at most as many as fit.
   */
  setRemainder(remainder: Remainder): void {
    this.#remainder.write(remainder)
  }

  get #position(): { readonly floor: Offset; readonly remainder: Remainder | null } {
    const floor = this.#storedFloor
    // Behind the floor: a remainder that is newer than it is right by itself, one that is older it makes void.
    const remainder = this.#remainder.read()
    if (remainder === null || remainder.frontier <= floor) return { floor, remainder: null }
    const inHand = remainder.inHand.filter(({ offset }) => offset >= floor)
    const [first] = inHand
    if (first === undefined) return { floor: remainder.frontier, remainder: null }
    return { floor: first.offset, remainder: { ...remainder, inHand } }
  }

  get #storedFloor(): Offset {
    const high = Atomics.load(this.#words, FLOOR_HIGH)
    const low = Atomics.load(this.#words, FLOOR_LOW)
    const next = Atomics.load(this.#words, FLOOR_HIGH_NEXT)
    // Unequal: the high word is changing, or its writer died at that, so there is nothing to wait for. The new floor,
    // below which all was finished before its first word was stored, is this or more; the old one was less.
    return next === high ? high * TWO_32 + (low >>> 0) : next * TWO_32
  }

  /** Writer: counts of this claim, modulo 2^32. */
  setHandled(count: number): void {
    this.#words[HANDLED] = count
  }

  addFailed(attempts = 1): void {
    Atomics.add(this.#words, FAILED, attempts)
  }

  /** Writer. */
  setInHand(inHand: Exclude<InHandAs, 'awaited'>): void {
    this.#words[IN_HAND] = inHand === 'nothing' ? 0 : inHand === 'slice' ? 1 : 3
  }

  /** Writer: an async handler that was called at `sinceMs` is under way. */
  setAwaited(sinceMs: number): void {
    // Since when before that: a reader that sees it awaited must not pair it with the record before.
    Atomics.store(this.#longs, AWAITING_SINCE, toMicroseconds(sinceMs))
    Atomics.store(this.#words, IN_HAND, 2)
  }

  /** Writer, before a batch is run and when it is settled: see BATCH_END. */
  setBatchEnd(offset: Offset): void {
    Atomics.store(this.#longs, BATCH_END, BigInt(offset))
  }

  /** Reader: see BATCH_END. */
  get batchEnd(): Offset {
    return Number(Atomics.load(this.#longs, BATCH_END))
  }

  /** Coordinator, when the thread has exited: see SINGLES_BELOW. */
  setSinglesBelow(offset: Offset): void {
    Atomics.store(this.#longs, SINGLES_BELOW, BigInt(offset))
  }

  get singlesBelow(): Offset {
    return Number(Atomics.load(this.#longs, SINGLES_BELOW))
  }

  /** Writer: the first record in hand waits for its next attempt, or no longer does. */
  setRetry(retry: { readonly sinceMs: number; readonly atMs: number } | null): void {
    // When before since: a reader that sees that one waits must not pair it with the end of an earlier wait.
    if (retry !== null) Atomics.store(this.#longs, RETRY_AT, toMicroseconds(retry.atMs))
    Atomics.store(this.#longs, RETRY_SINCE, retry === null ? 0n : toMicroseconds(retry.sinceMs))
  }

  get retry(): LaneReading['retry'] {
    const sinceMs = this.#readMs(RETRY_SINCE)
    return sinceMs === 0 ? null : { sinceMs, atMs: this.#readMs(RETRY_AT) }
  }

  /** Reader. */
  get inHand(): InHandAs {
    return IN_HAND_AS[Atomics.load(this.#words, IN_HAND)] ?? 'nothing'
  }

  /** Reader: the thread is inside a slice of this lane, perhaps in its handler. */
  get hasSliceInHand(): boolean {
    return this.inHand === 'slice'
  }

  setBufferedBytes(bytes: number): void {
    Atomics.store(this.#words, BUFFERED_BYTES, bytes)
  }

  setWaitsFor(reason: WaitReason): void {
    Atomics.store(this.#words, WAITS_FOR, WAIT_REASONS.indexOf(reason))
  }

  setHighWatermark(offset: Offset): void {
    Atomics.store(this.#longs, HIGH_WATERMARK, BigInt(offset))
  }

  get handled(): number {
    return Atomics.load(this.#words, HANDLED) >>> 0
  }

  read(): LaneReading {
    const { inHand } = this
    const { floor, remainder } = this.#position
    return {
      floor,
      inHand,
      awaitingSinceMs: inHand === 'awaited' || inHand === 'timed-out' ? this.#readMs(AWAITING_SINCE) : null,
      attempts: remainder?.inHand[0]?.attempts ?? 0,
      retry: this.retry,
      handled: this.handled,
      failed: Atomics.load(this.#words, FAILED) >>> 0,
      bufferedBytes: Atomics.load(this.#words, BUFFERED_BYTES),
      waitsFor: WAIT_REASONS[Atomics.load(this.#words, WAITS_FOR)] ?? '',
      highWatermark: Number(Atomics.load(this.#longs, HIGH_WATERMARK)),
    }
  }

  #readMs(slot: number): number {
    return Number(Atomics.load(this.#longs, slot)) / 1000
  }
}

function toMicroseconds(ms: number): bigint {
  return BigInt(Math.floor(ms * 1000))
}
