import { deferred, type Deferred } from '../shared/deferred.ts'
import type { GroupError } from '../shared/errors.ts'
import { LaneMemory, type WaitReason } from '../shared/memory/lane-memory.ts'
import type { LaneId, LaneStart } from '../shared/protocol.ts'
import type { HandlerPartition } from '../handler.ts'
import { RecordCursor } from './decode/record-cursor.ts'
import { LaneInbox } from './feed/lane-inbox.ts'
import { LaneContext } from './handler/contexts.ts'
import type { TimedLane } from './attempts/deadline-timer.ts'
import { claimLost, feedFailed, lastFailure } from './lane-errors.ts'
import { LaneLife } from './lane-life.ts'
import type { LaneState } from './lane-state.ts'
import { Taking } from './taking.ts'
import type { TakeResult } from './take-result.ts'
import type { TakingHost, ThreadLane } from './taking-host.ts'
import { waitOfLife, WaitReport } from './wait-report.ts'

/** What a lane needs of its thread. */
export interface LaneHost extends TakingHost {
  readonly maxBatchBytes: number
  readonly readCommitted: boolean
  /** Fetch for it from now on. */
  attach(inbox: LaneInbox): void
  detach(inbox: LaneInbox): void
  fetchChanged(inbox: LaneInbox): void
  /** More can be fetched for it while it holds what it has. */
  hasRoom(inbox: LaneInbox): boolean
  /** As many fetched bytes are no longer needed. */
  dropped(bytes: number): void
}

/** One lane of one claim on this thread, from its start to its drain. Everything to go on elsewhere is in its memory. */
export class Lane implements ThreadLane, TimedLane {
  readonly id: LaneId
  readonly #host: LaneHost
  readonly #memory: LaneMemory
  readonly #context: LaneContext
  readonly #partition: HandlerPartition
  readonly #inbox: LaneInbox
  readonly #taking: Taking
  readonly #life: LaneLife
  readonly #generation: number
  readonly #wait = new WaitReport<WaitReason>(
    () => this.#waitReason(),
    reason => this.#memory.setWaitsFor(reason),
  )
  #isPaused: boolean
  /** Set by the loop while the lease is over and records wait for it. */
  #isHeld = false
  /** Set by the loop while another lane runs alone. */
  #isAside = false
  #suspectForMs: number
  /** Attempts when it came under suspicion. */
  readonly #attemptsBefore: number
  #bufferedBytes = 0
  /** Waited for by a drain while a record is in hand. */
  #settled: Deferred<void> | null = null

  constructor(start: LaneStart, context: LaneContext, host: LaneHost) {
    const { topic, partition, epoch, lane } = start
    this.id = { topic, partition, epoch, lane }
    this.#host = host
    this.#context = context
    this.#partition = { topic, partition }
    this.#generation = start.generation
    this.#isPaused = start.paused
    this.#memory = LaneMemory.attach(start.memory)
    this.#suspectForMs = start.suspectForMs
    this.#attemptsBefore = attemptsOf(this.#memory)
    this.#life = this.#makeLife()
    this.#inbox = new LaneInbox({
      lane: this.id,
      position: this.#memory.floor,
      maxBatchBytes: host.maxBatchBytes,
      listener: {
        arrived: () => host.wake(),
        changed: () => this.#fetchChanged(),
        sawEnd: offset => this.#memory.setHighWatermark(offset),
        dropped: bytes => host.dropped(bytes),
      },
    })
    this.#inbox.setPaused(this.#isPaused)
    this.#taking = this.#makeTaking(start)
    this.#wait.publish()
  }

  get state(): LaneState {
    return this.#life.state
  }

  /** Records may be taken and there are some. */
  get canTake(): boolean {
    return (
      this.state === 'running' &&
      !this.#isPaused &&
      !LaneContext.isGivenUp(this.#context) &&
      !this.#host.group.isVoid(this.#generation) &&
      this.#taking.canTake
    )
  }

  /** Since when an async handler of it runs; null if none does. */
  get awaitingSinceMs(): number | null {
    return this.#taking.awaitingSinceMs
  }

  get isTimedOut(): boolean {
    return this.#taking.isTimedOut
  }

  /** Suspected until an attempt has ended, whichever way. */
  get suspectForMs(): number {
    if (this.#suspectForMs > 0 && attemptsOf(this.#memory) !== this.#attemptsBefore) this.#suspectForMs = 0
    return this.#suspectForMs
  }

  get suspectsLeft(): number {
    return this.suspectForMs > 0 ? 1 : 0
  }

  trust(): void {
    this.#suspectForMs = 0
  }

  setAside(isAside: boolean): void {
    this.#isAside = isAside
    this.#wait.publish()
  }

  get timed(): readonly TimedLane[] {
    return [this]
  }

  /** Runs `claimed`, then opens the lane. HANDLER_HOOK_FAILED: the lane is over. */
  start(): Promise<void> {
    return this.#life.start()
  }

  /** Only while `canTake`. */
  take(untilMs: number): TakeResult {
    const result = this.#taking.take(untilMs)
    if (result === 'awaiting') this.#host.awaits()
    else if (result === 'waiting') this.#wait.publish()
    return result
  }

  /** Only while an async handler is awaited: its attempt has failed, and it is told to give up. */
  timeOut(): void {
    this.#taking.timeOut()
  }

  setHeld(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#wait.publish()
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#inbox.setPaused(isPaused)
    if (!isPaused) this.#host.wake()
    else if (this.awaitingSinceMs === null) this.#taking.rest() // others would wait for it until it is resumed
  }

  /** Tells the handler in hand to give up; no further record is taken. */
  abort(reason: string): void {
    const error = claimLost(this.id, reason)
    LaneContext.abort(this.#context, error)
    this.#cancelTaking()
  }

  /**
   * Takes no further record, waits for the one that runs, runs `released`. One that waits for its next attempt or its dead
   * letter is left unfinished. Idempotent; never rejects.
   */
  drain(): Promise<void> {
    return this.#life.drain()
  }

  #makeLife(): LaneLife {
    const host = this.#host
    return new LaneLife({
      ...{ id: this.id, handler: host.handler, context: this.#context },
      opened: () => host.attach(this.#inbox),
      closed: () => this.#close(),
      settled: () => this.#whenSettled(),
      moved: () => this.#wait.publish(),
      failed: error => host.failed(this.id, error),
      troubled: error => host.troubled(this.id, error),
    })
  }

  #close(): void {
    this.#cancelTaking()
    this.#host.detach(this.#inbox)
    this.#inbox.close()
  }

  async #whenSettled(): Promise<void> {
    if (this.#taking.awaitingSinceMs === null) return
    this.#settled = deferred()
    await this.#settled.promise
  }

  #fail(error: GroupError): void {
    if (this.#life.fail(error)) this.#taking.release()
  }

  #makeTaking(start: LaneStart): Taking {
    const host = this.#host
    const { group, handler, settings } = host
    return new Taking({
      ...{ lane: this.id, group, handler, settings, context: this.#context },
      ...{ generation: this.#generation, memory: this.#memory, inbox: this.#inbox },
      cursor: new RecordCursor({ ...host, crc: 'checked' }), // by the inbox, before it believed the offsets
      lastFailure: start.lastFailure === null ? null : lastFailure(start.lastFailure),
      careful: start.careful,
      hasRoom: () => host.hasRoom(this.#inbox),
      listener: {
        settled: () => this.#onSettled(),
        feedFailed: thrown => this.#fail(feedFailed(this.#partition, this.#memory.floor, thrown)),
        recordFailed: message => host.recordFailed(message),
        usedUp: message => host.usedUp(message),
        deadLetter: letter => host.deadLetter(letter),
        failed: error => this.#fail(error),
        troubled: error => host.troubled(this.id, error),
        announce: announcement => host.announce(this.id, { ...announcement, hasSuspects: false }),
        aloneOver: () => host.aloneOver(this.id, false),
        waitChanged: () => this.#onWaitChanged(),
      },
    })
  }

  #cancelTaking(): void {
    this.#taking.cancel()
    this.#wait.publish()
  }

  #onWaitChanged(): void {
    if (this.#isPaused && this.awaitingSinceMs === null) this.#taking.rest() // paused while it asked to run alone
    this.#wait.publish()
    this.#host.wake()
  }

  #onSettled(): void {
    this.#wait.publish()
    this.#settled?.resolve()
    this.#host.settled(this)
  }

  #fetchChanged(): void {
    const { bufferedBytes } = this.#inbox
    if (bufferedBytes !== this.#bufferedBytes) {
      this.#bufferedBytes = bufferedBytes
      this.#memory.setBufferedBytes(bufferedBytes)
    }
    this.#wait.publish()
    this.#host.fetchChanged(this.#inbox)
  }

  #waitReason(): WaitReason {
    const wait = waitOfLife(this.state, this.#isPaused, this.#isHeld)
    if (wait !== null) return wait
    if (this.#taking.waitsFor !== '') return this.#taking.waitsFor
    if (this.#isAside) return 'suspect'
    return this.#inbox.isInTrouble ? 'fetch-error' : ''
  }
}

/** Attempts that have ended under this claim. */
function attemptsOf(memory: LaneMemory): number {
  const { handled, failed } = memory.read()
  return handled + failed
}
