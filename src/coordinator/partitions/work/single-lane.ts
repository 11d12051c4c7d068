import type { ErrorWire } from '../../../shared/error-wire.ts'
import type { LaneMemory } from '../../../shared/memory/lane-memory.ts'
import type { RecordInHand } from '../../../shared/memory/remainder-memory.ts'
import type { Announcement } from '../../../shared/protocol.ts'
import type { Offset } from '../../../shared/types.ts'
import { Aftermath } from '../../failures/aftermath.ts'
import type { ClaimProgress, WorkedLanes } from '../../progress/claim-progress.ts'
import type { WorkerThread } from '../../threads/worker-thread.ts'
import { CarefulLane } from './careful-lane.ts'
import type { InHandOnThread } from './in-hand-on-thread.ts'
import { inHandOfLane } from './lane-in-hand.ts'
import { workedByLane } from './lane-positions.ts'
import { OnThread } from './on-thread.ts'
import type { PartitionWork, PartitionWorkHost, WorkReading } from './partition-work.ts'

/** `partition` order: the records are one lane, which one thread at a time fetches and runs. */
export class SingleLane implements PartitionWork {
  readonly #memory: LaneMemory
  readonly #progress: Pick<ClaimProgress, 'careful'>
  readonly #host: PartitionWorkHost
  /** How a careful claim runs; null for an ordinary one. */
  readonly #carefulLane: CarefulLane | null
  readonly #aftermath = new Aftermath()
  readonly #lane: OnThread
  /** Records that other threads had finished when the present one was given the lane. */
  #handledElsewhere = 0

  constructor(memory: LaneMemory, progress: ClaimProgress, host: PartitionWorkHost) {
    this.#memory = memory
    this.#progress = progress
    this.#host = host
    this.#carefulLane = progress.careful === null ? null : new CarefulLane(progress, host)
    this.#lane = new OnThread({
      laneId: host.laneId,
      givenUp: host.givenUp,
      isPaused: () => host.isPaused(),
      replacementOf: thread => host.replacementOf(thread),
      mayGoOn: () => host.mayGoOn(),
      startOn: (thread, paused) => this.#startOn(thread, paused),
      chosen: () => this.#rest(), // whatever it ran before, even if that ended before it said that the lane runs
      runs: thread => host.runs(`on thread ${thread.threadId}`),
      left: thread => this.#left(thread),
      fail: error => host.fail(error),
    })
  }

  worked(): WorkedLanes {
    return workedByLane(this.#memory)
  }

  get handled(): number {
    return this.#memory.handled
  }

  lastAttemptFailed(record: RecordInHand, error: ErrorWire): void {
    this.#aftermath.failed(record, error)
  }

  get thread(): WorkerThread | null {
    return this.#lane.thread
  }

  get threads(): readonly WorkerThread[] {
    return this.thread === null ? [] : [this.thread]
  }

  isOn(thread: WorkerThread, lane = this.#host.laneId.lane): boolean {
    return this.thread === thread && lane === this.#host.laneId.lane
  }

  inHandOn(thread: WorkerThread): readonly InHandOnThread[] {
    return this.isOn(thread) ? inHandOfLane(this.#memory, this.#aftermath) : []
  }

  get oldestRunning(): Offset | null {
    return this.#memory.inHand === 'nothing' ? null : this.#memory.floor
  }

  putDown(thread: WorkerThread): void {
    if (!this.isOn(thread)) return
    this.#memory.setInHand('nothing')
    this.#memory.setBatchEnd(0)
  }

  handledOn(thread: WorkerThread): number {
    return this.isOn(thread) ? (this.handled - this.#handledElsewhere) >>> 0 : 0
  }

  read(): WorkReading {
    const lane = this.#memory.read()
    const first = { offset: lane.floor, attempts: lane.attempts }
    return {
      lanes: 1,
      floor: lane.floor,
      highWatermark: lane.highWatermark,
      bufferedBytes: lane.bufferedBytes,
      waitsFor: lane.waitsFor,
      handled: lane.handled,
      oldestInHand: lane.inHand === 'nothing' && lane.attempts === 0 ? null : first,
      retry: lane.retry === null ? null : { ...first, ...lane.retry },
      ring: null,
    }
  }

  start(): Promise<void> {
    return this.#lane.runOn(this.#host.chooseThread())
  }

  drain(): Promise<void> {
    return this.#lane.drain()
  }

  abortSignal(reason: string): Promise<void> {
    return this.#lane.abortSignal(reason)
  }

  setPaused(paused: boolean): Promise<void> {
    return this.#lane.setPaused(paused)
  }

  moveTo(thread: WorkerThread): Promise<void> {
    return this.#host.inTurn(async () => {
      // It may have ended or failed while the move waited for its turn.
      if (this.isOn(thread) || !this.#host.beginMove(`to thread ${thread.threadId}`)) return
      await this.drain()
      // While it drained it may have failed, or been given up: then the next operation ends it.
      if (this.#host.mayGoOn()) await this.#lane.runOn(thread)
    })
  }

  moveOff(thread: WorkerThread, replacement: Promise<WorkerThread>, drained: () => void): Promise<void> {
    return this.#host.inTurn(async () => {
      const isThere = this.isOn(thread) && this.#host.beginMove(`off thread ${thread.threadId}`)
      if (isThere) await this.drain()
      drained()
      if (isThere) await this.#lane.goOnOn(replacement)
    })
  }

  /** Its thread has told that it failed, and takes no further record. */
  hasFailed(): void {
    this.#rest()
  }

  announce(announcement: Announcement): Promise<boolean> {
    return this.#carefulLane?.announce(announcement) ?? Promise.resolve(true)
  }

  aloneOver(runsOn: boolean): Promise<void> {
    return this.#carefulLane?.aloneOver(runsOn) ?? Promise.resolve()
  }

  async #startOn(thread: WorkerThread, paused: boolean): Promise<void> {
    const { laneId, generation } = this.#host
    await thread.startLane({
      ...laneId,
      memory: this.#memory.buffer,
      generation,
      paused,
      ...this.#aftermath.of(this.#memory),
      careful: this.#progress.careful?.start ?? null,
    })
  }

  #left(thread: WorkerThread): void {
    thread.creditHandled(this.handledOn(thread))
    this.#handledElsewhere = this.handled
    this.#rest()
  }

  /** Nothing of it runs now. */
  #rest(): void {
    this.#carefulLane?.rest()
  }
}
