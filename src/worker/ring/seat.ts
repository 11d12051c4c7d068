import type { SeatWaitReason } from '../../shared/memory/ring/ring-layout.ts'
import type { LaneId, SeatStart } from '../../shared/protocol.ts'
import type { TimedLane } from '../attempts/deadline-timer.ts'
import { LaneContext } from '../handler/contexts.ts'
import { claimLost } from '../lane-errors.ts'
import { LaneLife } from '../lane-life.ts'
import type { LaneState } from '../lane-state.ts'
import type { TakeResult } from '../take-result.ts'
import type { TakingHost, ThreadLane } from '../taking-host.ts'
import { waitOfLife, WaitReport } from '../wait-report.ts'
import type { SeatRing } from './open-seat.ts'
import { SeatTaking, type RunningCount } from './seat-taking.ts'

/** What a seat needs of its thread. */
export interface SeatHost extends TakingHost {
  readonly running: RunningCount
}

/** One thread's part in one ring, from its start to its drain. Everything to go on elsewhere is in the ring. */
export class Seat implements ThreadLane {
  readonly id: LaneId
  readonly #host: SeatHost
  readonly #start: SeatStart
  readonly #memory: SeatRing['memory']
  /** Of the hooks; those of records are of their slots. */
  readonly #context: LaneContext
  readonly #life: LaneLife
  readonly #taking: SeatTaking
  readonly #wait = new WaitReport<SeatWaitReason>(
    () => this.#waitReason(),
    reason => this.#memory.setWaitsFor(reason),
  )
  #isPaused: boolean
  /** Set by the loop while the lease is over and records wait for it. */
  #isHeld = false
  /** Set by the loop while another lane runs alone. */
  #isAside = false

  constructor(start: SeatStart, ring: SeatRing, newContext: () => LaneContext, host: SeatHost) {
    const { topic, partition, epoch, lane } = start
    this.id = { topic, partition, epoch, lane }
    this.#host = host
    this.#start = start
    this.#memory = ring.memory
    this.#context = newContext()
    this.#isPaused = start.paused
    this.#life = this.#makeLife()
    this.#taking = this.#makeTaking(ring, newContext)
    this.#wait.publish()
  }

  get state(): LaneState {
    return this.#life.state
  }

  get canTake(): boolean {
    return (
      this.state === 'running' &&
      !this.#isPaused &&
      !this.#isGivenUp &&
      !this.#host.group.isVoid(this.#start.generation) &&
      this.#taking.canTake
    )
  }

  /** Since when the oldest of its async handlers runs; null if none does. */
  get awaitingSinceMs(): number | null {
    return this.#taking.awaitingSinceMs
  }

  get timed(): Iterable<TimedLane> {
    return this.#taking.timed
  }

  get suspectForMs(): number {
    return this.#taking.suspects.forMs
  }

  get suspectsLeft(): number {
    return this.#taking.suspects.left
  }

  trust(): void {
    this.#taking.suspects.trust()
  }

  setAside(isAside: boolean): void {
    this.#isAside = isAside
    this.#wait.publish()
  }

  start(): Promise<void> {
    return this.#life.start()
  }

  /** Only while `canTake`. */
  take(untilMs: number): TakeResult {
    const result = this.#taking.take(untilMs)
    this.#wait.publish()
    return result
  }

  setHeld(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#wait.publish()
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#onChange()
  }

  abort(reason: string): void {
    const error = claimLost(this.id, reason)
    LaneContext.abort(this.#context, error)
    this.#taking.abort(error)
    this.#taking.cancel()
    this.#wait.publish()
  }

  /** Records that wait for their next attempt, for their dead letter or for their key are left unfinished. */
  drain(): Promise<void> {
    return this.#life.drain()
  }

  get #isGivenUp(): boolean {
    return LaneContext.isGivenUp(this.#context)
  }

  #makeLife(): LaneLife {
    const host = this.#host
    return new LaneLife({
      ...{ id: this.id, handler: host.handler, context: this.#context },
      opened: () => {
        if (host.handler.released === undefined) this.#memory.setLoose()
        host.wake()
      },
      closed: () => this.#taking.cancel(),
      settled: () => this.#taking.whenSettled(),
      moved: () => this.#wait.publish(),
      failed: error => host.failed(this.id, error),
      troubled: error => host.troubled(this.id, error),
    })
  }

  #makeTaking(ring: SeatRing, newContext: () => LaneContext): SeatTaking {
    const host = this.#host
    const { settings, handler, group, running } = host
    return new SeatTaking({
      ...{ lane: this.id, start: this.#start, ring, newContext, settings, handler, group, running },
      threadId: this.#context.threadId,
      isGivenUp: () => this.#isGivenUp,
      listener: {
        awaits: () => host.awaits(),
        hasRoom: () => host.wake(),
        settled: () => this.#onSettled(),
        recordFailed: message => host.recordFailed(message),
        usedUp: message => host.usedUp(message),
        deadLetter: letter => host.deadLetter(letter),
        failed: error => void this.#life.fail(error),
        troubled: error => host.troubled(this.id, error),
        announce: announcement => host.announce(this.id, announcement),
        aloneOver: runsOn => host.aloneOver(this.id, runsOn),
        waitChanged: () => this.#onChange(),
      },
    })
  }

  /** What it waits for has changed, or whether it is paused. */
  #onChange(): void {
    if (this.canTake) this.#host.wake()
    else this.#rest()
    this.#wait.publish()
  }

  #onSettled(): void {
    this.#host.settled(this)
    if (!this.canTake) this.#rest()
    this.#wait.publish()
  }

  /** Nothing of it is taken for now: nobody has to wait for that. */
  #rest(): void {
    this.#taking.yieldLanes()
    this.#taking.rest() // others would wait for it until it goes on
  }

  #waitReason(): SeatWaitReason {
    const wait = waitOfLife(this.state, this.#isPaused, this.#isHeld)
    if (wait !== null) return wait
    const { waitsFor } = this.#taking
    return waitsFor === '' && this.#isAside ? 'suspect' : waitsFor
  }
}
