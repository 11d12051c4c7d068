import { bellCount, ring, waitForBell } from '../../shared/memory/ring/bell.ts'
import { isClosed } from '../../shared/memory/ring/close-ring.ts'
import { firstUntaken, isLaneEmpty } from '../../shared/memory/ring/lane-chain.ts'
import {
  HEADER,
  SEAT_PRESENCE_NUMBER,
  SEAT_WAIT_REASONS,
  type SeatWaitReason,
  type SlotState,
} from '../../shared/memory/ring/ring-layout.ts'
import type { RingMemory } from '../../shared/memory/ring/ring-memory.ts'
import type { Offset } from '../../shared/types.ts'
import type { RecordReader } from '../decode/record-reader.ts'
import { LaneHolds } from './lane-holds.ts'
import { RingEntries } from './ring-entry.ts'
import { SeatSlots } from './seat-slots.ts'

/** A record in hand, as its slot and the index of the ring tell. */
export interface TakenRecord {
  /** Of this seat, from 0. */
  readonly slot: number
  readonly seq: number
  readonly offset: Offset
  readonly lane: number
  /** Of its key; records with the same one are run one after the other in `key` order. Null: it has no key. */
  readonly hash: number | null
  /** That failed. */
  readonly attempts: number
}

/** One thread's end of a ring: takes records of lanes that it holds, and says what it has in hand. */
export class SeatMemory {
  readonly #memory: RingMemory
  readonly #seat: number
  readonly #mask: number
  readonly #entries: RingEntries
  readonly #slots: SeatSlots
  /** Null in `none` order. */
  readonly #holds: LaneHolds | null
  #seen = 0
  #waking: Promise<void> | null = null

  constructor(memory: RingMemory, seat: number) {
    this.#memory = memory
    this.#seat = seat
    this.#mask = memory.shape.indexCapacity - 1
    this.#entries = new RingEntries(memory)
    this.#slots = new SeatSlots(memory, seat)
    this.#holds = memory.shape.ordering === 'none' ? null : new LaneHolds(memory, seat)
    for (const { lane } of this.inherited()) this.#holds?.taken(lane)
    Atomics.store(memory.seats.sleeps, seat, 0)
    Atomics.store(memory.seats.presence, seat, SEAT_PRESENCE_NUMBER.bound)
  }

  /** Records finished here, modulo 2^32. */
  get handled(): number {
    return this.#memory.seats.handled[this.#seat]! >>> 0
  }

  /** What a thread that had the seat before has left in hand, in the order of the offsets. */
  inherited(): TakenRecord[] {
    const records = this.#slots.used().map(slot => this.#recordIn(slot))
    return records.sort((one, other) => one.offset - other.offset)
  }

  /** From now on, or no longer: see LaneHolds. */
  takeInOrder(isInOrder: boolean): void {
    if (this.#holds !== null) this.#holds.isInOrder = isInOrder
  }

  /** There may be a record to take: a slot is free, and a lane that is not empty is held here or by nobody. */
  canTake(): boolean {
    if (!this.#slots.hasFree || isClosed(this.#memory)) return false
    return this.#holds === null ? !isLaneEmpty(this.#memory, 0) : this.#holds.hasWork
  }

  /** The next record, now in a slot as 'ready'; null if there is none to be had, no slot is free, or the ring is closed. */
  take(): TakenRecord | null {
    if (!this.#slots.hasFree) return null
    return this.#holds === null ? this.#takeAny() : this.#takeOfLane(this.#holds)
  }

  /** Copies the record out of the ring: what is kept of its bytes stays valid; the reader is the same one each time. */
  read({ seq, offset }: TakenRecord): RecordReader {
    const record = this.#entries.read(this.#memory.index.position[seq & this.#mask]!)
    record.offset = offset
    return record
  }

  /** `sinceMs`, `untilMs`: monotonic. */
  setState(
    slot: number,
    state: Exclude<SlotState, 'free' | 'taking'>,
    sinceMs?: number,
    untilMs?: number,
  ): void {
    this.#slots.setState(slot, state, sinceMs, untilMs)
    this.#holds?.isNow(slot, state, this.#laneOf)
  }

  setAttempts(slot: number, attempts: number): void {
    this.#slots.setAttempts(slot, attempts)
  }

  /** It is finished: visible before the next call of a handler. Wakes the feeder if it waits for that. */
  finish(slot: number): void {
    const { index, seats } = this.#memory
    const seq = this.#slots.seqOf(slot)
    // Before the slot is free: then TAIL may pass the record and its entry be used anew.
    const lane = index.lane[seq & this.#mask]!
    this.#holds?.isNow(slot, 'free', this.#laneOf)
    this.#slots.free(slot)
    seats.handled[this.#seat] = (seats.handled[this.#seat]! + 1) | 0
    this.#tellFeeder(seq)
    this.#holds?.finished(lane)
  }

  failed(attempts = 1): void {
    Atomics.add(this.#memory.seats.failed, this.#seat, attempts)
  }

  /** The turn on the lanes that are held is over: those with nothing in hand here may go to others. */
  yieldLanes(): void {
    this.#holds?.leave()
    this.#holds?.shareWithOthers()
  }

  setWaitsFor(reason: SeatWaitReason): void {
    Atomics.store(this.#memory.seats.waitsFor, this.#seat, SEAT_WAIT_REASONS.indexOf(reason))
  }

  /** From now on its thread is waited for only while something of it is in hand. */
  setLoose(): void {
    Atomics.store(this.#memory.seats.presence, this.#seat, SEAT_PRESENCE_NUMBER.loose)
  }

  /** Says that it sleeps; false if there is something to take after all, and then it does not. */
  fallAsleep(): boolean {
    const { seats } = this.#memory
    this.yieldLanes()
    this.#seen = bellCount(seats.bell, this.#seat)
    Atomics.store(seats.sleeps, this.#seat, 1)
    // Once more: who brought work before it could see that the seat sleeps has not rung.
    if (!this.canTake()) return true
    // With the bell: it may sleep since before, and whoever looks at SLEEPS from now on, as the one who brought that work may, does not ring.
    this.wake()
    return false
  }

  /** Resolves when there may be something to take again, or at `wake`. */
  async woken(): Promise<void> {
    // One wait at a time: who falls asleep again before the bell has rung goes on with the same.
    this.#waking ??= waitForBell(this.#memory.seats.bell, this.#seat, this.#seen)
    await this.#waking
    this.#waking = null
  }

  /** By its own thread: ends the sleep. */
  wake(): void {
    Atomics.store(this.#memory.seats.sleeps, this.#seat, 0)
    ring(this.#memory.seats.bell, this.#seat)
  }

  readonly #laneOf = (slot: number): number => this.#memory.index.lane[this.#slots.seqOf(slot) & this.#mask]!

  #takeOfLane(holds: LaneHolds): TakenRecord | null {
    const { next } = this.#memory.lanes
    const lane = holds.choose()
    if (lane < 0) return null
    const seq = firstUntaken(this.#memory, lane, next[lane]!)
    this.#slots.begin(seq)
    // Behind the slot, and before the lane: the record stays untaken.
    if (isClosed(this.#memory)) {
      this.#slots.giveUp()
      return null
    }
    // Behind the slot: see there.
    Atomics.store(next, lane, (seq + 1) | 0)
    const slot = this.#slots.taken()
    holds.taken(lane)
    return this.#recordIn(slot)
  }

  /** `none` order: the seat that makes itself the record's TAKER has it. */
  #takeAny(): TakenRecord | null {
    const { lanes, index } = this.#memory
    const me = this.#seat + 1
    for (let lost: number | null = null; ;) {
      const seq = Atomics.load(lanes.next, 0)
      if (((Atomics.load(lanes.last, 0) + 1) | 0) === seq) return this.#giveUp(lost)
      this.#slots.begin(seq)
      // Behind the slot, and before TAKER: the record stays untaken.
      if (isClosed(this.#memory)) return this.#giveUp(lost)
      if (lost !== null) this.#tellFeeder(lost)
      // Behind the slot: the record was untaken then, so its entry is not used anew as long as the slot names it.
      if (Atomics.load(lanes.next, 0) === seq) {
        const isMine = Atomics.compareExchange(index.taker, seq & this.#mask, 0, me) === 0
        // Whoever it is that has it: if that seat has exited, or is not running right now, the others still go on.
        Atomics.compareExchange(lanes.next, 0, seq, (seq + 1) | 0)
        if (isMine) break
      }
      lost = seq
    }
    return this.#recordIn(this.#slots.taken())
  }

  #giveUp(lost: number | null): null {
    this.#slots.giveUp()
    if (lost !== null) this.#tellFeeder(lost)
    return null
  }

  #recordIn(slot: number): TakenRecord {
    const { index } = this.#memory
    const seq = this.#slots.seqOf(slot)
    const entry = seq & this.#mask
    return {
      slot,
      seq,
      offset: index.offset[entry]!,
      lane: index.lane[entry]!,
      hash: this.#entries.hasKey(index.position[entry]!) ? index.hash[entry]! : null,
      attempts: this.#slots.attemptsOf(slot),
    }
  }

  /** The seat has finished a record, or no longer tries to take it: the feeder may wait for that. */
  #tellFeeder(seq: number): void {
    const { header } = this.#memory
    // Behind the slot: the feeder says what it waits for, and then looks at the slots once more.
    if (Atomics.load(header, HEADER.IS_BLOCKED) === 0) return
    if (Atomics.load(header, HEADER.BLOCKED_ON) === seq) ring(header, HEADER.FEED_BELL)
  }
}
