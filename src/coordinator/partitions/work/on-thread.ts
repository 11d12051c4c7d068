import { isGroupError } from '../../../shared/errors.ts'
import { unlessAborted } from '../../../shared/unless-aborted.ts'
import type { WorkerThread } from '../../threads/worker-thread.ts'
import { ignoreDeath } from './ignore-death.ts'
import type { PartitionWorkHost } from './partition-work.ts'

export interface OnThreadHost extends Pick<PartitionWorkHost, 'laneId' | 'givenUp' | 'isPaused'> {
  replacementOf(thread: WorkerThread): Promise<WorkerThread> | null
  /** It is still to run: neither failed, nor given up, nor over for another reason. */
  mayGoOn(): boolean
  /** Asks a thread that is ready to run it. Resolves when it does. */
  startOn(thread: WorkerThread, paused: boolean): Promise<void>
  /** It is about to be asked of a thread: nothing of it runs on another. */
  chosen(): void
  runs(thread: WorkerThread): void
  /** Nothing of it runs there any more: it has drained, or the thread has exited. */
  left(thread: WorkerThread): void
  fail(error: unknown): void
}

/** What runs on one thread at a time, and goes on on the next one if that dies or is ended: a lane, or a seat of a ring. */
export class OnThread {
  readonly #host: OnThreadHost
  /** Where it may run; null before the start and once drained. */
  #thread: WorkerThread | null = null

  constructor(host: OnThreadHost) {
    this.#host = host
  }

  get thread(): WorkerThread | null {
    return this.#thread
  }

  /** Resolves when it runs there or on what takes the thread's place, when it cannot (then the host knows), or is given up. */
  async runOn(thread: WorkerThread): Promise<void> {
    this.#thread = thread // known while it is not ready: the next lanes are placed with that in mind
    this.#host.chosen()
    try {
      await this.#unlessGivenUp(thread.whenReady())
    } catch (error) {
      await this.#notStarted(thread, error)
      return
    }
    await this.#startOn(thread)
  }

  /** The same, once there is such a thread. */
  async goOnOn(replacement: Promise<WorkerThread>): Promise<void> {
    try {
      const thread = await this.#unlessGivenUp(replacement)
      // While it was waited for it may have failed, or been given up: then the next operation ends it.
      if (this.#host.mayGoOn()) await this.runOn(thread)
    } catch (error) {
      const isStopping = isGroupError(error, 'NOT_RUNNING') // then nothing is wrong with it: the next operation ends it
      if (!this.#host.givenUp.aborted && !isStopping) this.#host.fail(error)
    }
  }

  async drain(): Promise<void> {
    const thread = this.#thread
    if (thread === null) return
    await ignoreDeath(thread.drainLane(this.#host.laneId))
    this.#host.left(thread)
    this.#thread = null
  }

  async abortSignal(reason: string): Promise<void> {
    if (this.#thread !== null) await ignoreDeath(this.#thread.abortLane(this.#host.laneId, reason))
  }

  async setPaused(paused: boolean): Promise<void> {
    if (this.#thread !== null) await ignoreDeath(this.#thread.setPaused(this.#host.laneId, paused))
  }

  async #startOn(thread: WorkerThread): Promise<void> {
    const paused = this.#host.isPaused()
    try {
      await this.#host.startOn(thread, paused)
    } catch (error) {
      await this.#notStarted(thread, error)
      return
    }
    this.#host.runs(thread)
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
    else await this.goOnOn(replacement)
  }

  /** Rejects as soon as it is given up: the end must not wait for a thread that still starts. */
  #unlessGivenUp<T>(work: Promise<T>): Promise<T> {
    return unlessAborted(work, this.#host.givenUp)
  }
}
