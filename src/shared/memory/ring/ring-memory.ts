import type { Offset } from '../../types.ts'
import type { RecordInHand } from '../remainder-memory.ts'
import {
  FEED_WAIT_REASONS,
  HEADER,
  layoutOf,
  LONGS,
  type FeedWaitReason,
  type RingLayout,
  type RingShape,
} from './ring-layout.ts'

/** Where a claim goes on. */
export interface RingStart {
  /** Per lane: records below are finished, but for those in hand. */
  readonly frontiers: readonly Offset[]
  /** In the order of the offsets. */
  readonly inHand: readonly RecordInHand[]
}

/** The shared memory of one claim in `key` or `none` order. Who may write what: ring-layout.ts. */
export class RingMemory {
  readonly buffer: SharedArrayBuffer
  readonly shape: RingShape
  readonly header: Int32Array
  readonly longs: BigInt64Array
  readonly lanes: {
    readonly base: Float64Array
    readonly last: Int32Array
    readonly next: Int32Array
    readonly after: Int32Array
    readonly oldest: Int32Array
    readonly holder: Int32Array
  }
  readonly seats: {
    readonly sleeps: Int32Array
    readonly bell: Int32Array
    readonly handled: Int32Array
    readonly failed: Int32Array
    readonly waitsFor: Int32Array
    readonly presence: Int32Array
  }
  /** Those of seat s begin at s × slotsPerSeat. */
  readonly slots: {
    readonly state: Int32Array
    readonly seq: Int32Array
    readonly attempts: Int32Array
    readonly sinceUs: Float64Array
    readonly untilUs: Float64Array
  }
  readonly restored: {
    readonly offset: Float64Array
    readonly attempts: Int32Array
    readonly lane: Int32Array
    readonly seq: Int32Array
  }
  readonly index: {
    readonly offset: Float64Array
    readonly hash: Int32Array
    readonly position: Int32Array
    readonly lane: Uint16Array
    readonly attempts: Uint16Array
    readonly link: Int32Array
    readonly taker: Uint16Array
  }
  readonly data: Uint8Array

  private constructor(buffer: SharedArrayBuffer, shape: RingShape) {
    const layout = layoutOf(shape)
    const { lanes, seats, slotsPerSeat, indexCapacity } = shape
    const slots = seats * slotsPerSeat
    const ints = (at: number, count: number): Int32Array => new Int32Array(buffer, at, count)
    const doubles = (at: number, count: number): Float64Array => new Float64Array(buffer, at, count)
    const shorts = (at: number, count: number): Uint16Array => new Uint16Array(buffer, at, count)
    this.buffer = buffer
    this.shape = shape
    this.header = ints(0, layout.longs / 4)
    this.longs = new BigInt64Array(buffer, layout.longs, 2)
    this.lanes = {
      base: doubles(layout.laneBase, lanes),
      last: ints(layout.laneLast, lanes),
      next: ints(layout.laneNext, lanes),
      after: ints(layout.laneAfter, lanes),
      oldest: ints(layout.laneOldest, lanes),
      holder: ints(layout.laneHolder, lanes),
    }
    this.seats = {
      sleeps: ints(layout.seatSleeps, seats),
      bell: ints(layout.seatBell, seats),
      handled: ints(layout.seatHandled, seats),
      failed: ints(layout.seatFailed, seats),
      waitsFor: ints(layout.seatWaitsFor, seats),
      presence: ints(layout.seatPresence, seats),
    }
    this.slots = {
      state: ints(layout.slotState, slots),
      seq: ints(layout.slotSeq, slots),
      attempts: ints(layout.slotAttempts, slots),
      sinceUs: doubles(layout.slotSince, slots),
      untilUs: doubles(layout.slotUntil, slots),
    }
    this.restored = restoredViews(buffer, layout, shape.restored)
    this.index = {
      offset: doubles(layout.indexOffset, indexCapacity),
      hash: ints(layout.indexHash, indexCapacity),
      position: ints(layout.indexPosition, indexCapacity),
      lane: shorts(layout.indexLane, indexCapacity),
      attempts: shorts(layout.indexAttempts, indexCapacity),
      link: ints(layout.indexLink, indexCapacity),
      taker: shorts(layout.indexTaker, indexCapacity),
    }
    this.data = new Uint8Array(buffer, layout.data, shape.dataBytes)
  }

  /** Coordinator, at a claim. */
  static create(shape: Omit<RingShape, 'lanes' | 'restored'>, { frontiers, inHand }: RingStart): RingMemory {
    const whole = { ...shape, lanes: frontiers.length, restored: inHand.length }
    const memory = new RingMemory(new SharedArrayBuffer(layoutOf(whole).bytes), whole)
    memory.header.set(wordsOf(whole))
    memory.longs[LONGS.HEAD_OFFSET] = BigInt(Math.min(...frontiers, ...inHand.map(({ offset }) => offset)))
    memory.longs[LONGS.HIGH_WATERMARK] = -1n
    memory.lanes.base.set(frontiers)
    memory.lanes.last.fill(-1)
    memory.restored.offset.set(inHand.map(({ offset }) => offset))
    memory.restored.attempts.set(inHand.map(({ attempts }) => attempts))
    memory.restored.lane.fill(-1)
    memory.index.offset.fill(-1)
    return memory
  }

  static attach(buffer: SharedArrayBuffer): RingMemory {
    return new RingMemory(buffer, shapeOf(new Int32Array(buffer, 0, HEADER.HEAD)))
  }

  /** See HEAD_OFFSET. */
  get headOffset(): Offset {
    return Number(Atomics.load(this.longs, LONGS.HEAD_OFFSET))
  }

  /** -1: unknown. */
  get highWatermark(): Offset {
    return Number(Atomics.load(this.longs, LONGS.HIGH_WATERMARK))
  }

  /** See IS_ALONE. */
  get isAlone(): boolean {
    return Atomics.load(this.header, HEADER.IS_ALONE) === 1
  }

  /** Coordinator: before the bit of the group is set for it, and before it is cleared. So never while that is another's. */
  setAlone(isAlone: boolean): void {
    Atomics.store(this.header, HEADER.IS_ALONE, Number(isAlone))
  }

  get feedWaitsFor(): FeedWaitReason {
    return FEED_WAIT_REASONS[Atomics.load(this.header, HEADER.FEED_WAITS_FOR)] ?? ''
  }
}

/** How far `seq` is behind `other`; they are never 2^31 apart. */
export function seqDistance(other: number, seq: number): number {
  return (other - seq) | 0
}

const ORDERINGS = ['key', 'none'] as const

function wordsOf({ ordering, ...numbers }: RingShape): number[] {
  const { lanes, seats, slotsPerSeat, indexCapacity, dataBytes, restored } = numbers
  return [ORDERINGS.indexOf(ordering), lanes, seats, slotsPerSeat, indexCapacity, dataBytes, restored]
}

function shapeOf(words: Int32Array): RingShape {
  const [ordering, lanes, seats, slotsPerSeat, indexCapacity, dataBytes, restored] = words
  return {
    ordering: ORDERINGS[ordering!]!,
    lanes: lanes!,
    seats: seats!,
    slotsPerSeat: slotsPerSeat!,
    indexCapacity: indexCapacity!,
    dataBytes: dataBytes!,
    restored: restored!,
  }
}

function restoredViews(buffer: SharedArrayBuffer, layout: RingLayout, count: number): RingMemory['restored'] {
  return {
    offset: new Float64Array(buffer, layout.restoredOffset, count),
    attempts: new Int32Array(buffer, layout.restoredAttempts, count),
    lane: new Int32Array(buffer, layout.restoredLane, count),
    seq: new Int32Array(buffer, layout.restoredSeq, count),
  }
}
