import type { ErrorWire } from '../../../shared/error-wire.ts'
import { isGroupError } from '../../../shared/errors.ts'
import type { LaneMemory } from '../../../shared/memory/lane-memory.ts'
import type { RecordInHand } from '../../../shared/memory/remainder-memory.ts'
import type { Announcement } from '../../../shared/protocol.ts'
import { unlessAborted } from '../../../shared/unless-aborted.ts'
import { Aftermath } from '../../failures/aftermath.ts'
import type { ClaimProgress } from '../../progress/claim-progress.ts'
import type { ProcessKiller } from '../../progress/process-killer.ts'
import type { Progress } from '../../progress/progress.ts'
import type { WorkerThread } from '../../threads/worker-thread.ts'
import { CarefulLane } from './careful-lane.ts'
import { ignoreDeath } from './ignore-death.ts'
import type { InHandOnThread } from './in-hand-on-thread.ts'
import { inHandOfLane } from './lane-in-hand.ts'
import type { PartitionWork, PartitionWorkHost, WorkReading } from './partition-work.ts'

/** `partition` order: the records are one lane, which one thread at a time fetches and runs. */
export class SingleLane implements PartitionWork {
  readonly #host: PartitionWorkHost
  readonly #progress: ClaimProgress
  /** How a careful claim runs; null for an ordinary one. */
  readonly #carefulLane: CarefulLane | null
  readonly #aftermath = new Aftermath()
  /** The thread whose lane may run; null before the start and once drained. */
  #thread: WorkerThread | null = null
  /** Records of this claim that other threads had finished when the present one was given the lane. */
  #handledElsewhere = 0

  constructor(progress: ClaimProgress, host: PartitionWorkHost) {
    this.#progress = progress
    this.#host = host
    this.#carefulLane = progress.careful === null ? null : new CarefulLane(progress, host)
  }

  get topicId(): string | null {
    return this.#progress.topicId
  }

  get killer(): ProcessKiller | null {
    return this.#progress.killer
  }

  get now(): Progress {
    return this.#progress.now
  }

  isStored(progress: Progress): boolean {
    return this.#progress.isStored(progress)
  }

  wasStored(progress: Progress): void {
    this.#progress.wasStored(progress)
  }

  atRelease(hasStopped: boolean): Progress {
    return this.#progress.atRelease(hasStopped)
  }

  get handled(): number {
    return this.#memory.handled
  }

  lastAttemptFailed(record: RecordInHand, error: ErrorWire): void {
    this.#aftermath.failed(record, error)
  }

  get thread(): WorkerThread | null {
    return this.#thread
  }

  get threads(): readonly WorkerThread[] {
    return this.#thread === null ? [] : [this.#thread]
  }

  isOn(thread: WorkerThread): boolean {
    return this.#thread === thread
  }

  inHandOn(thread: WorkerThread): readonly InHandOnThread[] {
    return this.isOn(thread) ? inHandOfLane(this.#memory, this.#aftermath) : []
  }

  get hasInHand(): boolean {
    return this.#memory.inHand !== 'nothing'
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
    }
  }

  async start(): Promise<void> {
    await this.#runOn(this.#host.chooseThread())
  }

  async drain(): Promise<void> {
    const thread = this.#thread
    if (thread === null) return
    await ignoreDeath(thread.drainLane(this.#host.laneId))
    thread.creditHandled(this.handledOn(thread))
    this.#handledElsewhere = this.handled
    this.rest()
    this.#thread = null
  }

  async abortSignal(reason: string): Promise<void> {
    if (this.#thread !== null) await ignoreDeath(this.#thread.abortLane(this.#host.laneId, reason))
  }

  async setPaused(paused: boolean): Promise<void> {
    if (this.#thread !== null) await ignoreDeath(this.#thread.setPaused(this.#host.laneId, paused))
  }

  moveTo(thread: WorkerThread): Promise<void> {
    return this.#host.inTurn(async () => {
      // It may have ended or failed while the move waited for its turn.
      if (this.isOn(thread) || !this.#host.beginMove(`to thread ${thread.threadId}`)) return
      await this.drain()
      // While it drained it may have failed, or been given up: then the next operation ends it.
      if (this.#host.mayGoOn()) await this.#runOn(thread)
    })
  }

  moveOff(thread: WorkerThread, replacement: Promise<WorkerThread>, drained: () => void): Promise<void> {
    return this.#host.inTurn(async () => {
      const isThere = this.isOn(thread) && this.#host.beginMove(`off thread ${thread.threadId}`)
      if (isThere) await this.drain()
      drained()
      if (isThere) await this.#goOnOn(replacement)
    })
  }

  rest(): void {
    this.#carefulLane?.rest()
  }

  announce(announcement: Announcement): Promise<boolean> {
    return this.#carefulLane?.announce(announcement) ?? Promise.resolve(true)
  }

  aloneOver(): Promise<void> {
    return this.#carefulLane?.aloneOver() ?? Promise.resolve()
  }

  get #memory(): LaneMemory {
    return this.#progress.memory
  }

  async #goOnOn(replacement: Promise<WorkerThread>): Promise<void> {
    try {
      const thread = await this.#unlessGivenUp(replacement)
      // While it was waited for it may have failed, or been given up: then the next operation ends it.
      if (this.#host.mayGoOn()) await this.#runOn(thread)
    } catch (error) {
      const isStopping = isGroupError(error, 'NOT_RUNNING') // then nothing is wrong with it: the next operation ends it
      if (!this.#host.givenUp.aborted && !isStopping) this.#host.fail(error)
    }
  }

  async #runOn(thread: WorkerThread): Promise<void> {
    this.#thread = thread // known while it is not ready: the next lanes are placed with that in mind
    this.rest() // whatever it ran on the thread before, even if that ended before it said that the lane runs
    try {
      await this.#unlessGivenUp(thread.whenReady())
    } catch (error) {
      await this.#notStarted(thread, error)
      return
    }
    await this.#startOn(thread)
  }

  async #startOn(thread: WorkerThread): Promise<void> {
    const { laneId, generation } = this.#host
    const { memory, careful } = this.#progress
    const paused = this.#host.isPaused()
    try {
      await thread.startLane({
        ...laneId,
        memory: memory.buffer,
        generation,
        paused,
        ...this.#aftermath.of(memory),
        careful: careful?.start ?? null,
      })
    } catch (error) {
      await this.#notStarted(thread, error)
      return
    }
    this.#host.runs(`on thread ${thread.threadId}`)
    // The pause may have changed while it started.
    if (this.#host.isPaused() !== paused) await this.setPaused(!paused)
  }

  async #notStarted(thread: WorkerThread, error: unknown): Promise<void> {
    if (error === this.#host.givenUp.reason) {
      this.#thread = null // nothing of it was asked of the thread: the next operation has nothing to drain
      return
    }
    const replacement = isGroupError(error, 'WORKER_DIED') ? this.#host.replacementOf(thread) : null
    if (replacement === null) this.#host.fail(error)
    else await this.#goOnOn(replacement)
  }

  /** Rejects as soon as the partition is given up: the end must not wait for a thread that still starts. */
  #unlessGivenUp<T>(work: Promise<T>): Promise<T> {
    return unlessAborted(work, this.#host.givenUp)
  }
}
