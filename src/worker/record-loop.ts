import { monotonicMs, wallMs } from '../shared/clock.ts'
import type { GroupMemory } from '../shared/memory/group-memory.ts'
import type { WorkerMemory } from '../shared/memory/worker-memory.ts'
import { StateMachine, type MoveTable } from '../shared/state-machine.ts'
import { LoneRuns, type SuspectLane } from './lone-runs.ts'
import type { TakeResult } from './take-result.ts'

/** What the loop runs. */
export interface LoopLane extends SuspectLane {
  take(untilMs: number): TakeResult
  /** Told when the lease is over while the lane could take a record, and when it holds again. */
  setHeld(isHeld: boolean): void
}

/**
 * | state     | what is true inside it                                                              |
 * | --------- | ----------------------------------------------------------------------------------- |
 * | idle      | no lane can take a record; whatever changes that wakes the loop                     |
 * | requested | a turn is due as soon as the event loop has looked at sockets, ports and timers     |
 * | held      | the lease is over: a timer looks again now and then                                 |
 * | stopped   | final                                                                               |
 */
type LoopState = 'idle' | 'requested' | 'held' | 'stopped'

const LOOP_MOVES: MoveTable<LoopState> = {
  idle: ['requested', 'stopped'],
  requested: ['idle', 'requested', 'held', 'stopped'],
  held: ['requested', 'idle', 'stopped'],
  stopped: [],
}

/** A turn of sync handlers, then one of the event loop: what a control message or an answer in a socket may have to wait. */
const TURN_MS = 2
/** Of which one lane has as much at a time. */
const LANE_TURN_MS = 1
const LOOK_AT_LEASE_MS = 20

/** The one loop of a thread that calls handlers: round robin over the lanes that can take a record. */
export class RecordLoop {
  readonly #group: GroupMemory
  readonly #memory: WorkerMemory
  readonly #lanes: LoopLane[] = []
  readonly #alone = new LoneRuns<LoopLane>(this.#lanes, () => this.wake())
  readonly #state = new StateMachine<LoopState>('record loop', LOOP_MOVES, 'idle')
  #next = 0
  #immediate: NodeJS.Immediate | null = null
  #timer: NodeJS.Timeout | null = null
  /** Since when the event loop owes the loop a turn. */
  #requestedAtMs = 0
  #turnStartedAtMs = -Infinity

  constructor(group: GroupMemory, memory: WorkerMemory) {
    this.#group = group
    this.#memory = memory
  }

  add(lane: LoopLane): void {
    this.#lanes.push(lane)
    this.#alone.add(lane)
  }

  /** Idempotent. */
  remove(lane: LoopLane): void {
    const index = this.#lanes.indexOf(lane)
    if (index < 0) return
    this.#lanes.splice(index, 1)
    this.#alone.remove(lane)
    this.#leave(0) // it may have been the only one that ran something
  }

  /** A lane may be able to take a record now. */
  wake(): void {
    if (this.#state.is('idle')) this.#request('woken', monotonicMs())
  }

  /**
   * An async record of the lane is done. If it was the only one, the lane goes on at once while the current turn lasts, so that
   * short promises cost no turn each. While others are under way, those that are done before the next turn are replaced in it.
   */
  settled(lane: LoopLane): void {
    this.#alone.settle(lane)
    this.#leave(lane.awaitingSinceMs === null ? this.#goOn(lane) : 0)
    if (lane.canTake || this.#alone.isDue()) this.wake()
  }

  /** Idempotent. */
  stop(): void {
    if (this.#state.is('stopped')) return
    this.#cancel()
    this.#alone.stop()
    this.#state.moveTo('stopped', 'asked to')
  }

  /** For how long. */
  #goOn(lane: LoopLane): number {
    const nowMs = monotonicMs()
    const untilMs = this.#turnStartedAtMs + TURN_MS
    const mayGoOn = !this.#state.is('held', 'stopped') && !this.#alone.isDue()
    if (!mayGoOn || !lane.canTake || nowMs >= untilMs) return 0
    this.#runLane(lane, nowMs, untilMs)
    return monotonicMs() - nowMs
  }

  #request(reason: string, sinceMs: number): void {
    this.#state.moveTo('requested', reason)
    this.#requestedAtMs = sinceMs
    this.#immediate = setImmediate(() => this.#turn())
  }

  #turn(): void {
    const startedAtMs = monotonicMs()
    this.#immediate = null
    this.#turnStartedAtMs = startedAtMs
    this.#memory.turned(startedAtMs - this.#requestedAtMs)
    const isHeld = this.#alone.isDue() ? this.#runAlone(startedAtMs) : this.#runTurn(startedAtMs)
    this.#leave(monotonicMs() - startedAtMs)
    if (isHeld) this.#hold()
    else if (this.#mayTakeMore()) this.#request('more to take', startedAtMs)
    else this.#state.moveTo('idle', 'nothing to take')
  }

  #mayTakeMore(): boolean {
    if (this.#alone.isDue()) return this.#alone.next !== null
    return this.#lanes.some(lane => lane.canTake)
  }

  /** One record of the lane that is to run alone, if it may yet. True if the lease is over. */
  #runAlone(nowMs: number): boolean {
    const lane = this.#alone.next
    if (lane === null) return false // what is in hand is waited for
    const result = this.#runLane(lane, nowMs, nowMs)
    this.#alone.settle(lane)
    return result === 'held'
  }

  /** True if the lease is over. */
  #runTurn(startedAtMs: number): boolean {
    const untilMs = startedAtMs + TURN_MS
    let nowMs = startedAtMs
    for (let passed = 0; passed < this.#lanes.length && nowMs < untilMs;) {
      this.#next = (this.#next + 1) % this.#lanes.length
      const lane = this.#lanes[this.#next]!
      if (!lane.canTake) {
        passed += 1
        continue
      }
      const result = this.#runLane(lane, nowMs, untilMs)
      if (result === 'held') return true
      nowMs = monotonicMs()
      passed = 0
    }
    return false
  }

  #runLane(lane: LoopLane, nowMs: number, untilMs: number): TakeResult {
    this.#memory.enter(nowMs)
    return lane.take(Math.min(nowMs + LANE_TURN_MS, untilMs))
  }

  /** Between turns the thread itself runs nothing, but async handlers may be under way. */
  #leave(busyMs: number): void {
    this.#memory.leave(busyMs)
    let oldestMs = Infinity
    for (const { awaitingSinceMs } of this.#lanes) {
      if (awaitingSinceMs !== null && awaitingSinceMs < oldestMs) oldestMs = awaitingSinceMs
    }
    if (oldestMs < Infinity) this.#memory.enter(oldestMs)
  }

  #hold(): void {
    this.#tellHeld()
    if (this.#group.stopRequested) {
      this.#state.moveTo('idle', 'the group is being stopped')
      return
    }
    this.#state.moveTo('held', 'the lease is over')
    this.#timer = setInterval(() => this.#lookAtLease(), LOOK_AT_LEASE_MS)
  }

  #lookAtLease(): void {
    const canTake = this.#lanes.some(lane => lane.canTake)
    const isOver = this.#group.mustNotStart || !this.#group.leaseHolds(monotonicMs(), wallMs())
    if (canTake && isOver && !this.#group.stopRequested) {
      this.#tellHeld()
      return
    }
    this.#cancel()
    for (const lane of this.#lanes) lane.setHeld(false)
    if (canTake && !isOver) this.#request('the lease holds again', monotonicMs())
    else this.#state.moveTo('idle', 'nothing waits for the lease')
  }

  #tellHeld(): void {
    for (const lane of this.#lanes) lane.setHeld(lane.canTake)
  }

  #cancel(): void {
    if (this.#immediate !== null) clearImmediate(this.#immediate)
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#immediate = null
    this.#timer = null
  }
}
