import type { GroupError } from '../../shared/errors.ts'
import { monotonicMs } from '../../shared/clock.ts'
import type { FeedWaitReason } from '../../shared/memory/ring/ring-layout.ts'
import { RingMemory } from '../../shared/memory/ring/ring-memory.ts'
import type { FeedStart, LaneId } from '../../shared/protocol.ts'
import { StateMachine } from '../../shared/state-machine.ts'
import { partitionName, type Offset } from '../../shared/types.ts'
import { ClockStride } from '../clock-stride.ts'
import { RecordCursor } from '../decode/record-cursor.ts'
import { LaneInbox } from '../feed/lane-inbox.ts'
import { feedFailed } from '../lane-errors.ts'
import { RecordSource } from '../record-source.ts'
import { WaitReport } from '../wait-report.ts'
import { FEED_MOVES, type FeedState } from './feed-state.ts'
import type { Fillable } from './feed-loop.ts'
import { RingAppender } from './ring-appender.ts'
import { RingWriter } from './ring-writer.ts'

/** What a feed needs of its thread. */
export interface RingFeedHost {
  readonly maxBatchBytes: number
  readonly readCommitted: boolean
  /** Fetch for it from now on. */
  attach(inbox: LaneInbox): void
  detach(inbox: LaneInbox): void
  fetchChanged(inbox: LaneInbox): void
  /** As many fetched bytes are no longer needed. */
  dropped(bytes: number): void
  /** It may have something to append now. */
  wake(feed: RingFeed): void
  failed(lane: LaneId, error: GroupError): void
}

/** Why a feed stopped appending for now. */
type FillResult = 'more' | 'empty' | 'full' | 'level'

/** Fills one ring with the records of its partition, from its start to its drain. Everything to go on elsewhere is in the ring. */
export class RingFeed implements Fillable {
  readonly id: LaneId
  readonly #host: RingFeedHost
  readonly #writer: RingWriter
  readonly #appender: RingAppender
  readonly #inbox: LaneInbox
  readonly #source: RecordSource
  readonly #feedBelow: Offset
  readonly #state: StateMachine<FeedState>
  readonly #stride = new ClockStride()
  readonly #wait = new WaitReport<FeedWaitReason>(
    () => this.#waitReason(),
    reason => this.#writer.setWaitsFor(reason),
  )
  /** The cursor stands on a record that was not appended yet. */
  #isStanding = false
  #isFull = false
  #isPaused: boolean
  #awaitsFinish = false
  #published: Offset

  constructor(start: FeedStart, host: RingFeedHost) {
    const { topic, partition, epoch, lane } = start
    const ring = RingMemory.attach(start.ring)
    this.id = { topic, partition, epoch, lane }
    this.#host = host
    this.#writer = new RingWriter(ring)
    this.#appender = new RingAppender(this.id, ring.shape, this.#writer)
    this.#feedBelow = start.feedBelow ?? Infinity
    this.#published = ring.headOffset
    this.#isPaused = start.paused
    this.#state = new StateMachine(`feed of ${partitionName(start)}`, FEED_MOVES, 'feeding')
    this.#inbox = this.#makeInbox(host)
    this.#source = new RecordSource(new RecordCursor({ ...host, crc: 'checked' }), this.#inbox) // by the inbox
    this.#inbox.setPaused(this.#isPaused)
  }

  get state(): FeedState {
    return this.#state.state
  }

  /** Once. */
  start(): void {
    if (this.#published >= this.#feedBelow) this.#becomeLevel()
    else this.#host.attach(this.#inbox)
  }

  fill(untilMs: number): boolean {
    if (!this.#mayAppend) return false
    const result = this.#appendUntil(untilMs)
    this.#publish()
    if (result === 'level') this.#becomeLevel()
    else if (result === 'full') void this.#waitForRoom()
    else if (result === 'empty' && this.#inbox.waitsToAsk) void this.#askOnceFinished()
    else if (result !== 'more' && result !== 'empty') this.#end(result)
    this.#wait.publish()
    return result === 'more'
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#inbox.setPaused(isPaused)
    if (!isPaused) this.#host.wake(this)
  }

  /** Appends nothing any more, and fetches nothing. Idempotent. */
  drain(): void {
    if (this.#state.is('drained')) return
    this.#state.moveTo('drained', 'asked to')
    this.#writer.stop()
    this.#close()
  }

  get #mayAppend(): boolean {
    return this.#state.is('feeding') && !this.#isPaused && !this.#isFull
  }

  /** Below, everything was appended or passed. */
  get #passed(): Offset {
    const { cursor, isOpen, passed } = this.#source
    if (this.#isStanding) return cursor.record.offset
    return isOpen ? cursor.nextOffset : passed
  }

  /** An error is what it met: everything before it was appended. */
  #appendUntil(untilMs: number): FillResult | GroupError {
    try {
      return this.#appendAll(untilMs)
    } catch (thrown) {
      if (!this.#isStanding) this.#source.close()
      const passed = this.#passed
      return passed < this.#feedBelow ? feedFailed(this.id, passed, thrown) : 'level' // nobody is to meet it yet
    }
  }

  #appendAll(untilMs: number): FillResult {
    const stride = this.#stride
    const { record } = this.#source.cursor
    let allowed = stride.restart(monotonicMs())
    let taken = 0 // since the clock was read
    for (;;) {
      const opensBatch = !this.#isStanding && record.left === 0
      if (!this.#isStanding && !this.#moveToNext()) return this.#passed < this.#feedBelow ? 'empty' : 'level'
      if (opensBatch) this.#inbox.openedBatch(this.#source.cursor.decompressedBytes)
      if (record.offset >= this.#feedBelow) return 'level'
      if (!this.#appender.append(record)) return 'full'
      this.#isStanding = false
      taken += 1
      if (taken < allowed && !opensBatch) continue // one that was decompressed may have taken long
      const nowMs = monotonicMs()
      if (nowMs >= untilMs) return 'more'
      allowed = stride.next(nowMs, taken)
      taken = 0
    }
  }

  /** False if nothing is left of what was fetched. */
  #moveToNext(): boolean {
    const { cursor } = this.#source
    while (!this.#source.isOpen || !cursor.next()) if (!this.#source.openNext()) return false
    this.#isStanding = true
    return true
  }

  #publish(): void {
    const nextOffset = Math.min(this.#passed, this.#feedBelow)
    if (nextOffset === this.#published) return
    this.#published = nextOffset
    this.#writer.publish(nextOffset)
  }

  async #waitForRoom(): Promise<void> {
    this.#isFull = true
    await this.#writer.waitForRoom()
    this.#isFull = false
    this.#host.wake(this) // paused or drained meanwhile, it appends nothing
  }

  /** What is in the ring may be further on than where it goes on: that is asked for when nothing of it is left. */
  async #askOnceFinished(): Promise<void> {
    if (this.#awaitsFinish) return
    this.#awaitsFinish = true
    await this.#writer.waitUntilFinished()
    this.#awaitsFinish = false
    this.#host.wake(this) // finds nothing to take, which is when the inbox asks
  }

  #becomeLevel(): void {
    this.#state.moveTo('level', `offset ${this.#feedBelow} is reached`)
    this.#close()
  }

  /** Nothing can follow. What is in the ring is still handled, then the partition stops. */
  #end(error: GroupError): void {
    this.#state.moveTo('ending', error.code)
    this.#close()
    void this.#failOnceFinished(error)
  }

  async #failOnceFinished(error: GroupError): Promise<void> {
    await this.#writer.waitUntilFinished()
    if (!this.#state.is('ending')) return // drained meanwhile: whoever goes on meets the same
    this.#state.moveTo('failed', error.code)
    this.#host.failed(this.id, error)
  }

  #close(): void {
    this.#host.detach(this.#inbox)
    this.#inbox.close()
    this.#source.release()
    this.#wait.publish()
  }

  #makeInbox(host: RingFeedHost): LaneInbox {
    return new LaneInbox({
      lane: this.id,
      position: this.#published,
      maxBatchBytes: host.maxBatchBytes,
      isInHand: () => this.#writer.usedBytes() > 0,
      listener: {
        arrived: () => host.wake(this),
        changed: () => this.#fetchChanged(),
        sawEnd: offset => this.#writer.setHighWatermark(offset),
        dropped: bytes => host.dropped(bytes),
      },
    })
  }

  #fetchChanged(): void {
    this.#writer.setBufferedBytes(this.#inbox.bufferedBytes)
    this.#wait.publish()
    if (this.#inbox.waitsToAsk) this.#host.wake(this)
    this.#host.fetchChanged(this.#inbox)
  }

  #waitReason(): FeedWaitReason {
    if (this.#state.is('level')) return 'level'
    if (!this.#state.is('feeding')) return ''
    if (this.#isPaused) return 'paused'
    if (this.#isFull) return 'ring-full'
    return this.#source.isEmpty && this.#inbox.isInTrouble ? 'fetch-error' : ''
  }
}
