import { monotonicMs } from '../../shared/clock.ts'
import { deferred, type Deferred } from '../../shared/deferred.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { GroupMemory } from '../../shared/memory/group-memory.ts'
import type { SeatWaitReason } from '../../shared/memory/ring/ring-layout.ts'
import type { Announcement, LaneId, SeatStart } from '../../shared/protocol.ts'
import { isThenable } from '../attempts/awaited-result.ts'
import type { TimedLane } from '../attempts/deadline-timer.ts'
import type { FateListener } from '../attempts/fate.ts'
import { Permission } from '../attempts/permission.ts'
import { RecordNews } from '../attempts/record-news.ts'
import { inBatchesOfOne, type RecordHandler } from '../batch/batches-of-one.ts'
import { valueDecoder } from '../decode/value-decoders.ts'
import { LaneContext } from '../handler/contexts.ts'
import type { LoadedHandler } from '../handler/handler-exports.ts'
import { attemptTimedOut } from '../lane-errors.ts'
import { LaneRecord, type RecordOrigin } from '../record.ts'
import type { TakeResult } from '../take-result.ts'
import type { TakingSettings } from '../taking-host.ts'
import { AwaitedHands } from './awaited-hands.ts'
import { Care } from './care.ts'
import { Hand, type HandOwner } from './hand.ts'
import { InHand } from './in-hand.ts'
import type { SeatRing } from './open-seat.ts'
import { Outcomes } from './outcomes.ts'
import { SuspectRecords } from './suspect-records.ts'
import { TurnClock } from './turn-clock.ts'

/** Async handlers that all seats of a thread have under way. */
export interface RunningCount {
  count: number
}

export interface SeatTakingListener extends FateListener {
  /** An async handler is awaited from now on. */
  awaits(): void
  /** Other seats of the thread may have waited until fewer records run. */
  hasRoom(): void
  /** The promise of a record in hand is done, whatever came of it. */
  settled(): void
  /** See CoordinatorApi. */
  announce(announcement: Announcement): Promise<boolean>
  aloneOver(runsOn: boolean): void
}

export interface SeatTakingParts {
  readonly lane: LaneId
  readonly start: Pick<SeatStart, 'generation' | 'concurrency' | 'careful' | 'lastFailures' | 'suspects'>
  readonly ring: SeatRing
  readonly settings: TakingSettings
  readonly handler: LoadedHandler
  readonly group: GroupMemory
  /** Of the thread: its concurrency is that of all its seats. */
  readonly running: RunningCount
  readonly threadId: number
  readonly newContext: () => LaneContext
  /** The seat has been told to give up, and its handlers with it. */
  readonly isGivenUp: () => boolean
  readonly listener: SeatTakingListener
}

/**
 * Takes the records of one seat and calls the handler on them: as many at once as it may, one of a key at a time. A sync
 * handler costs a call and some stores per record: no promise, timer or closure is made.
 */
export class SeatTaking implements HandOwner {
  readonly #parts: SeatTakingParts
  readonly #memory: SeatRing['memory']
  readonly #origin: RecordOrigin
  readonly #handle: RecordHandler
  readonly #inHand: InHand
  readonly #news: RecordNews
  readonly #outcomes: Outcomes
  readonly #permission: Permission
  readonly #care: Care
  readonly #suspects = new SuspectRecords()
  readonly #awaited = new AwaitedHands()
  readonly #clock = new TurnClock()
  /** The ring had nothing to take; its bell tells when it may have. */
  #isAsleep = false
  #isOver = false
  /** Waited for by a drain while records run. */
  #settled: Deferred<void> | null = null

  constructor(parts: SeatTakingParts) {
    const { lane, ring, settings, handler, start, threadId, listener, isGivenUp } = parts
    this.#parts = parts
    const memory = (this.#memory = ring.memory)
    const { topic, partition } = lane
    const origin = (this.#origin = { topic, partition, decode: valueDecoder(handler.decode) })
    this.#handle = handler.handleBatch === undefined ? handler.handle : inBatchesOfOne(handler)
    const inHand = (this.#inHand = new InHand({
      ring,
      newHand: slot => new Hand(slot, parts.newContext(), this),
      due: () => listener.waitChanged(),
    }))
    this.#news = new RecordNews(lane, threadId, listener)
    this.#outcomes = new Outcomes({
      ...{ news: this.#news, settings, memory, inHand, origin, isGivenUp, listener },
      ...{ rule: handler.retry, lastFailures: start.lastFailures },
    })
    const permission = (this.#permission = this.#makePermission())
    this.#care = new Care({
      ...{ careful: start.careful, permission, awaited: this.#awaited },
      runsOn: () => listener.aloneOver(true),
      changed: () => listener.waitChanged(),
    })
    memory.takeInOrder(this.#care.isCareful)
    this.#inherit()
  }

  /** A record could be taken, as far as this seat's own go; whether one is there shows when it is. */
  get canTake(): boolean {
    if (this.#isOver || this.#permission.waitsFor !== '' || !this.#mayBegin || !this.#hasRoom) return false
    if (this.#care.isBusy) return false
    if (this.#suspects.left > 0) return this.#suspects.ready !== null
    return this.#care.hasReady || this.#inHand.hasReady || (!this.#isAsleep && !this.#inHand.isFull)
  }

  /** Since when the oldest async handler runs; null if none does. */
  get awaitingSinceMs(): number | null {
    return this.#awaited.oldestSinceMs
  }

  /** What runs and has a deadline. */
  get timed(): Iterable<TimedLane> {
    return this.#awaited
  }

  get suspects(): Pick<SuspectRecords, 'left' | 'forMs' | 'trust'> {
    return this.#suspects
  }

  get waitsFor(): SeatWaitReason {
    if (this.#care.waitsFor !== '') return this.#care.waitsFor
    if (this.#inHand.isFull) return 'in-hand-full'
    if (this.#awaited.count > 0 || this.canTake) return ''
    if (this.#inHand.hasRetries) return 'retry'
    return this.#outcomes.isStoring ? 'dead-letter' : ''
  }

  /** Only while `canTake`. At least one call of the handler, if there is a record and nothing prevents it. */
  take(untilMs: number): TakeResult {
    this.#permission.begin()
    const result = this.#run(untilMs)
    if (result !== 'more' && result !== 'held') this.rest()
    if (!this.#hasRoom) this.#care.lookAgain()
    this.#memory.yieldLanes()
    return result
  }

  /** Nothing can begin for now: no other lane has to wait for it. */
  rest(): void {
    this.#care.rest()
  }

  /** Lanes of which nothing is in hand may go to others. */
  yieldLanes(): void {
    this.#memory.yieldLanes()
  }

  /** Nothing is taken or waited for any more but the handlers that run. Idempotent. */
  cancel(): void {
    this.#isOver = true
    this.#care.cancel()
    this.#inHand.cancel()
    this.#outcomes.cancel()
    this.#memory.wake() // what waits for the bell would stay for as long as the ring
    this.#memory.yieldLanes()
  }

  /** All that runs is to give up. */
  abort(reason: Error): void {
    for (const { context } of this.#inHand.all) LaneContext.abort(context, reason)
  }

  /** Resolves when no handler runs. Only when nothing more is taken. */
  async whenSettled(): Promise<void> {
    if (this.#awaited.count === 0) return
    this.#settled ??= deferred()
    await this.#settled.promise
  }

  fulfilled(hand: Hand): void {
    this.#leave(hand)
    this.#succeeded(hand)
  }

  rejected(hand: Hand, thrown: unknown): void {
    this.#leave(hand)
    this.#failed(hand, thrown)
  }

  settled(hand: Hand): void {
    const { context } = hand
    LaneContext.renewSignal(context)
    if (this.#awaited.count === 0) this.#settled?.resolve()
    this.#parts.listener.settled()
  }

  timeOut(hand: Hand): void {
    const error = this.deadlineError(hand)
    hand.awaited.timeOut(error)
    this.#inHand.set(hand, 'timed-out', hand.awaitingSinceMs!) // before anybody hears of it, who might end the thread
    LaneContext.abortAttempt(hand.context, error)
  }

  deadlineError({ offset, attempts }: Hand, cause?: unknown): GroupError {
    const { handlerTimeoutMs } = this.#parts.settings
    return attemptTimedOut(this.#news.place(offset, attempts + 1), handlerTimeoutMs!, cause)
  }

  /** While another lane runs alone, nothing may. Whoever ends that wakes the loop. */
  get #mayBegin(): boolean {
    return !this.#parts.group.isOneAlone || this.#permission.isAlone
  }

  get #hasRoom(): boolean {
    const { running, start, ring } = this.#parts
    // One always may: else handlers of one partition that never settle would stop all the others of the thread.
    if (this.#awaited.count === 0 || running.count < start.concurrency) return true
    // The other seats are not taken yet: records that hang would leave their places.
    const hanging = this.#care.placesBeside(start.concurrency * (ring.seats - 1))
    return this.#awaited.count === hanging || running.count < start.concurrency + hanging
  }

  #makePermission(): Permission {
    const { start, ring, listener } = this.#parts
    return new Permission({
      careful: start.careful,
      highWatermark: () => ring.highWatermark(),
      announce: asked => listener.announce({ ...asked, hasSuspects: this.#care.hasSuspects }),
      aloneOver: runsOn => listener.aloneOver(runsOn),
      changed: () => {
        this.#memory.takeInOrder(this.#care.isCareful)
        listener.waitChanged()
      },
    })
  }

  /** What a thread that had the seat before has left in hand. */
  #inherit(): void {
    const { ring, start } = this.#parts
    for (const taken of this.#memory.inherited()) {
      const hand = this.#inHand.take(taken)
      if (taken.attempts > 0) this.#outcomes.meet(hand)
      this.#care.meet(hand)
      const suspect = start.suspects.find(({ offset }) => offset === hand.offset)
      if (suspect !== undefined && !hand.isUsedUp && hand.state !== 'behind')
        this.#suspects.add(hand, suspect.forMs)
      if (hand.state === 'behind') continue
      this.#inHand.hold(hand)
      const untilMs = hand.isUsedUp ? undefined : ring.retries.get(hand.slot)
      if (untilMs === undefined) this.#inHand.queue(hand)
      else this.#inHand.waitForRetry(hand, { sinceMs: monotonicMs(), atMs: untilMs })
    }
  }

  #run(untilMs: number): TakeResult {
    const clock = this.#clock
    const isAlone = this.#suspects.left > 0
    clock.begin(untilMs, this.#parts.group.readLease())
    for (;;) {
      const hand = clock.refusal() ?? this.#next() ?? this.#findNothing()
      if (typeof hand === 'string') return hand
      clock.count()
      const refusal = this.#begin(hand)
      if (refusal !== null) return refusal
      if (this.#isOver) return 'failed'
      if (!this.#hasRoom || this.#care.isBusy) return 'awaiting'
      if (isAlone) return 'more'
    }
  }

  #next(): Hand | null {
    if (this.#suspects.left > 0) {
      const { ready } = this.#suspects
      return ready === null ? null : this.#inHand.next(ready)
    }
    const { due } = this.#care
    if (due !== null) return this.#inHand.next(due)
    const hand = this.#inHand.next() ?? this.#takeNew()
    const late = hand?.isSuspect === true ? null : this.#care.nextLate()
    if (late === null) return hand
    if (hand !== null) this.#inHand.putBack(hand)
    return late
  }

  #takeNew(): Hand | null {
    for (;;) {
      const taken = this.#memory.take()
      if (taken === null) return null
      const hand = this.#inHand.take(taken)
      if (hand.attempts > 0) this.#outcomes.meet(hand)
      this.#care.meet(hand)
      if (hand.state !== 'ready') continue
      if (!this.#care.putsOff(hand)) return hand
      this.#inHand.hold(hand)
    }
  }

  #findNothing(): TakeResult {
    if (this.#suspects.left > 0) return 'waiting'
    if (this.#inHand.isFull) return 'waiting'
    if (!this.#memory.fallAsleep()) return 'more' // another seat was faster, or has just left a lane
    if (!this.#isAsleep) this.#sleep()
    return this.#awaited.count > 0 ? 'awaiting' : 'empty'
  }

  /** Once, however many records in hand run meanwhile. */
  #sleep(): void {
    this.#isAsleep = true
    void this.#memory.woken().then(() => {
      this.#isAsleep = false
      if (!this.#isOver) this.#parts.listener.waitChanged()
    })
  }

  /** Null: the handler was called, or the record is on its way to where those go whose attempts are used up. */
  #begin(hand: Hand): TakeResult | null {
    if (!hand.isUsedUp) this.#inHand.set(hand, 'slice', this.#clock.nowMs) // before `mayStart`: see GroupMemory
    const refusal = this.#refusal(hand)
    if (refusal !== null) this.#inHand.putBack(hand)
    else if (hand.isUsedUp) this.#outcomes.dispose(hand)
    else this.#call(hand)
    return refusal
  }

  #refusal(hand: Hand): 'waiting' | 'held' | null {
    const { group, start } = this.#parts
    if (!hand.isUsedUp && !this.#care.mayBegin(hand)) return 'waiting'
    const { isAlone } = this.#permission
    // Taken back before the thread has heard of it, which was inside a long handler: `rest` gives it up, and it is asked for
    // anew. By now the bit may be another's. It may be taken back behind this look, too: then the record is found in hand.
    if (isAlone && !this.#isAlone) return 'waiting'
    return group.mayStart(start.generation, isAlone) ? null : 'held'
  }

  get #isAlone(): boolean {
    return this.#parts.group.isOneAlone && this.#parts.ring.isAlone()
  }

  #call(hand: Hand): void {
    const { awaited } = hand
    this.#care.begins(hand)
    const record = (hand.record = new LaneRecord(this.#origin, this.#memory.read(hand), hand.attempts + 1))
    try {
      const result = this.#handle(record, hand.context)
      if (result !== undefined && isThenable(result)) awaited.start(result, this.#clock.startedAtMs, hand)
    } catch (thrown) {
      LaneContext.renewSignal(hand.context)
      this.#failed(hand, thrown)
      return
    }
    if (awaited.sinceMs !== null) {
      this.#await(hand, awaited.sinceMs)
      return
    }
    LaneContext.renewSignal(hand.context)
    this.#succeeded(hand)
  }

  #await(hand: Hand, sinceMs: number): void {
    this.#inHand.hold(hand)
    this.#inHand.set(hand, 'awaited', sinceMs)
    this.#awaited.add(hand)
    this.#care.awaits(hand)
    this.#parts.running.count += 1
    this.#parts.listener.awaits()
  }

  #leave(hand: Hand): void {
    const { running, start, listener } = this.#parts
    this.#awaited.delete(hand)
    this.#care.settles(hand)
    running.count -= 1
    if (running.count + 1 >= start.concurrency) listener.hasRoom()
  }

  #succeeded(hand: Hand): void {
    this.#suspects.over(hand)
    this.#inHand.finish(hand)
    this.#care.ended(hand)
  }

  #failed(hand: Hand, thrown: unknown): void {
    this.#suspects.over(hand)
    this.#outcomes.failed(hand, thrown)
    this.#care.ended(hand)
  }
}
