import { bellCount, ring, waitForBell } from '../../shared/memory/ring/bell.ts'
import {
  FEED_WAIT_REASONS,
  HEADER,
  INDEX_BYTES,
  LONGS,
  NO_LANE,
  type FeedWaitReason,
} from '../../shared/memory/ring/ring-layout.ts'
import { seqDistance, type RingMemory } from '../../shared/memory/ring/ring-memory.ts'
import { headOf } from '../../shared/memory/ring/settle-feed.ts'
import { wakeAllSeats, wakeSleepers } from '../../shared/memory/ring/wake-seats.ts'
import type { Offset } from '../../shared/types.ts'
import type { RecordReader } from '../decode/record-reader.ts'
import { entryBytes, RingEntries } from './ring-entry.ts'
import { Room } from './room.ts'

/** Of what is kept must become free before a feeder without room looks for more. */
const GOOD_PART = 1 / 8

/**
 * The feeder's end of a ring: appends records and uses the room of finished ones anew. A feeder may exit between any two stores of its own, and
 * another one then writes on in the same ring, while seats take from it. What it finds half done:
 *
 * | exited                      | what is left                                         | what comes of it                                      |
 * | --------------------------- | ---------------------------------------------------- | ----------------------------------------------------- |
 * | before LAST                 | bytes and an index entry at HEAD, perhaps linked     | in no lane: nobody reads them; written over           |
 * | …with OLDEST, or a LINK     | of a lane that is empty up to LAST                   | not followed; stored anew with the lane's next record |
 * | …with what was restored     | it is in a lane, and not to be taken                 | in hand all the same: it was not taken                |
 * | between LAST and HEAD       | a record that seats take                             | HEAD is moved on: see headOf                          |
 * | before it was published     | records beyond HEAD_OFFSET                           | passed by when they are fetched again                 |
 * | between OLDEST and AFTER    | OLDEST beyond a record that is taken                 | nobody's NEXT is the old AFTER; both stored anew      |
 * | between AFTER and TAIL      | a finished record below AFTER that is kept           | TAIL is moved on: see Room                            |
 * | before it woke a seat       | a seat that sleeps, or that is said not to, unrung   | all are woken                                         |
 */
export class RingWriter {
  /** The largest record that ever fits. */
  readonly capacityBytes: number
  readonly #memory: RingMemory
  readonly #mask: number
  readonly #entries: RingEntries
  readonly #room: Room
  /** In hand when the claim was made: which of them. */
  readonly #restored = new Map<Offset, number>()
  /** A feeder before this one has appended everything up to here. */
  readonly #appendedUpTo: Offset
  #lastOffset: Offset
  #hasNews = false
  #isStopped = false

  constructor(memory: RingMemory) {
    this.#memory = memory
    this.#mask = memory.shape.indexCapacity - 1
    this.#entries = new RingEntries(memory)
    this.capacityBytes = memory.shape.dataBytes + INDEX_BYTES
    const head = headOf(memory)
    this.#room = new Room(memory, head, this.#endOf(head))
    this.#appendedUpTo = this.#lastOffset = memory.index.offset[(head - 1) & this.#mask]!
    memory.restored.offset.forEach((offset, at) => this.#restored.set(offset, at))
    Atomics.store(memory.header, HEADER.HEAD, head)
    this.#forgetWaits()
    // A feeder before this one may have exited before it woke them.
    wakeAllSeats(memory)
  }

  /** There is nothing to do for it: it was finished before the claim, or a feeder before this one has appended it. */
  isFinished(offset: Offset, lane: number): boolean {
    if (offset <= this.#appendedUpTo) return true
    return offset < this.#memory.lanes.base[lane]! && !this.#restored.has(offset)
  }

  /** What the record would take, index and bytes; more than `capacityBytes` never fits. */
  bytesOf(record: RecordReader): number {
    return entryBytes(record) + INDEX_BYTES
  }

  /**
   * Puts the record that the reader stands on behind the others; false, with nothing written, if there is no room now. Seats may take it at once;
   * progress knows of it when it is published.
   */
  append(record: RecordReader, lane: number, hash: number): boolean {
    if (this.#wouldRepeat(lane) && !this.#leaveOutSeq()) return false
    const bytes = entryBytes(record)
    const position = this.#place(bytes)
    if (position < 0) return false
    const seq = this.#room.head
    this.#entries.write(position, record)
    this.#writeIndex(seq, record.offset, lane, hash, position)
    this.#link(seq, lane)
    // Behind all of the entry: who sees it reads the entry. Before HEAD: what is in the ring but in no lane would never be taken.
    Atomics.store(this.#memory.lanes.last, lane, seq)
    this.#room.use(position + bytes)
    this.#lastOffset = record.offset
    this.#hasNews = true
    this.#storeUsedBytes()
    return true
  }

  /** Everything below `nextOffset` was appended or passed; wakes the seats that sleep, if anything was appended. */
  publish(nextOffset: Offset): void {
    const { longs } = this.#memory
    // Behind the lanes' LAST: a lane that looks empty with this head has nothing below it.
    if (BigInt(nextOffset) > longs[LONGS.HEAD_OFFSET]!)
      Atomics.store(longs, LONGS.HEAD_OFFSET, BigInt(nextOffset))
    this.#tellNews()
  }

  /** When `append` had no room: resolves when a good part of the ring has become free, or when the writer is stopped. */
  waitForRoom(): Promise<void> {
    return this.#waitForTail((this.#room.tail + Math.ceil(this.#room.kept * GOOD_PART)) | 0)
  }

  /** Resolves when everything that was appended is finished, or when the writer is stopped. Not while it waits for room. */
  waitUntilFinished(): Promise<void> {
    return this.#waitForTail(this.#room.head)
  }

  /** Whoever waits goes on, and so does whoever will. */
  stop(): void {
    this.#isStopped = true
    ring(this.#memory.header, HEADER.FEED_BELL)
  }

  /** Bytes of records that are kept, index and all; looks anew what is finished. */
  usedBytes(): number {
    this.#room.advance()
    return this.#storeUsedBytes()
  }

  setBufferedBytes(bytes: number): void {
    Atomics.store(this.#memory.header, HEADER.BUFFERED_BYTES, bytes)
  }

  setHighWatermark(offset: Offset): void {
    Atomics.store(this.#memory.longs, LONGS.HIGH_WATERMARK, BigInt(offset))
  }

  setWaitsFor(reason: FeedWaitReason): void {
    Atomics.store(this.#memory.header, HEADER.FEED_WAITS_FOR, FEED_WAIT_REASONS.indexOf(reason))
  }

  /** Of a feeder before this one: what it had fetched, and what it waited for, went with it. */
  #forgetWaits(): void {
    Atomics.store(this.#memory.header, HEADER.IS_BLOCKED, 0)
    this.setBufferedBytes(0)
    this.setWaitsFor('')
    this.#storeUsedBytes()
  }

  #place(bytes: number): number {
    const position = this.#room.place(bytes)
    if (position >= 0) return position
    this.#room.advance()
    return this.#room.place(bytes)
  }

  #writeIndex(seq: number, offset: Offset, lane: number, hash: number, position: number): void {
    const { index, restored } = this.#memory
    const entry = seq & this.#mask
    const was = this.#restored.get(offset)
    index.offset[entry] = offset
    index.hash[entry] = hash
    index.lane[entry] = lane
    index.position[entry] = position
    index.attempts[entry] = was === undefined ? 0 : restored.attempts[was]!
    index.taker[entry] = 0
    if (was === undefined) return
    Atomics.store(restored.seq, was, seq)
    // Before LAST: once it can be taken, it is in hand because of its slot and no longer because it is not appended.
    Atomics.store(restored.lane, was, lane)
  }

  #link(seq: number, lane: number): void {
    const { index, lanes } = this.#memory
    const last = lanes.last[lane]!
    // Both before LAST: whoever sees that the lane is not empty follows them.
    if (((last + 1) | 0) === lanes.after[lane]) Atomics.store(lanes.oldest, lane, seq)
    else Atomics.store(index.link, last & this.#mask, seq)
  }

  /** The lane has rested for so long that its newest record had this very seq: it would look empty. */
  #wouldRepeat(lane: number): boolean {
    return ((this.#room.head + 1) | 0) === this.#memory.lanes.after[lane]
  }

  #leaveOutSeq(): boolean {
    const position = this.#place(0)
    if (position < 0) return false
    const { index } = this.#memory
    const entry = this.#room.head & this.#mask
    index.offset[entry] = this.#lastOffset
    index.position[entry] = position
    index.lane[entry] = NO_LANE
    this.#room.use(position)
    return true
  }

  async #waitForTail(goal: number): Promise<void> {
    this.#tellNews()
    const { header } = this.#memory
    const room = this.#room
    while (!this.#isStopped) {
      const seen = bellCount(header, HEADER.FEED_BELL)
      room.advance()
      const missing = seqDistance(goal, room.tail)
      if (missing <= 0) break
      const seq = room.lastUnfinished(missing)
      if (seq !== null) await this.#waitFor(seq, seen)
    }
    this.#storeUsedBytes()
  }

  async #waitFor(seq: number, seen: number): Promise<void> {
    const { header } = this.#memory
    Atomics.store(header, HEADER.BLOCKED_ON, seq)
    Atomics.store(header, HEADER.IS_BLOCKED, 1)
    // Once more: a seat that finished it before it could see IS_BLOCKED has not rung.
    if (this.#room.isUnfinished(seq)) await waitForBell(header, HEADER.FEED_BELL, seen)
    Atomics.store(header, HEADER.IS_BLOCKED, 0)
  }

  #tellNews(): void {
    if (!this.#hasNews) return
    this.#hasNews = false
    wakeSleepers(this.#memory)
  }

  #storeUsedBytes(): number {
    const bytes = this.#room.dataBytes + this.#room.kept * INDEX_BYTES
    Atomics.store(this.#memory.header, HEADER.USED_BYTES, bytes)
    return bytes
  }

  #endOf(head: number): number {
    const { header, index } = this.#memory
    if (head === header[HEADER.TAIL]) return 0
    const entry = (head - 1) & this.#mask
    const position = index.position[entry]!
    return index.lane[entry] === NO_LANE ? position : this.#entries.endOf(position)
  }
}
