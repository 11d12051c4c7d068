import type { Offset } from '../types.ts'

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
 * | IN_HAND         | int32 | 1 while a slice of the lane runs, 2 while its async handler is awaited | at a claim |
 * | HANDLED         | int32 | records finished, modulo 2^32: readers take differences                | at a claim |
 * | FAILED          | int32 | attempts that failed, modulo 2^32                                      | at a claim |
 * | BUFFERED_BYTES  | int32 | bytes fetched and not yet handled                                      | at a claim |
 * | WAITS_FOR       | int32 | index into WAIT_REASONS: why no record is taken                        | at a claim |
 * | HIGH_WATERMARK  | int64 | end of the partition as of the last fetch (last stable offset if read_committed); -1 unknown | at a claim |
 *
 * In partition order a lane is serial: its frontier is its floor while nothing is in hand, else the floor plus one
 * record. So one number per finished record is the whole progress.
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
const BYTES = 128

const IN_SLICE = 1
const AWAITED = 2

const TWO_32 = 2 ** 32

/** Why a lane takes no record; the position in the list is what shared memory holds. */
export const WAIT_REASONS = ['', 'lease', 'paused', 'failed', 'fetch-error', 'draining'] as const
export type WaitReason = (typeof WAIT_REASONS)[number]

export interface LaneReading {
  /** The next offset to read after a crash: everything below is finished. */
  readonly floor: Offset
  readonly inHand: boolean
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
  /** Writer's copy of the high word, so that a finished record costs one store. */
  #high: number

  private constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
    this.#longs = new BigInt64Array(buffer)
    this.#high = this.#words[FLOOR_HIGH]!
  }

  /** Coordinator, at a claim: a lane that starts at `floor`. */
  static create(floor: Offset): LaneMemory {
    const memory = new LaneMemory(new SharedArrayBuffer(BYTES))
    memory.advanceFloor(floor)
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

  addFailed(): void {
    Atomics.add(this.#words, FAILED, 1)
  }

  /** Writer: nothing is in hand, the thread is inside a slice of the lane, or an async handler is awaited and the thread is free. */
  setInHand(inHand: 'nothing' | 'slice' | 'awaited'): void {
    this.#words[IN_HAND] = inHand === 'nothing' ? 0 : inHand === 'slice' ? IN_SLICE : AWAITED
  }

  /** Reader: the thread is inside a slice of this lane, perhaps in its handler. */
  get hasSliceInHand(): boolean {
    return Atomics.load(this.#words, IN_HAND) === IN_SLICE
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
    return {
      floor: this.floor,
      inHand: Atomics.load(this.#words, IN_HAND) !== 0,
      handled: this.handled,
      failed: Atomics.load(this.#words, FAILED) >>> 0,
      bufferedBytes: Atomics.load(this.#words, BUFFERED_BYTES),
      waitsFor: WAIT_REASONS[Atomics.load(this.#words, WAITS_FOR)] ?? '',
      highWatermark: Number(Atomics.load(this.#longs, HIGH_WATERMARK)),
    }
  }
}
