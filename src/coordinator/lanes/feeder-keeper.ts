import { monotonicMs } from '../../shared/clock.ts'
import type { GroupError } from '../../shared/errors.ts'
import { diesAgainAndAgain } from '../failures/failure-errors.ts'
import { DeathStreaks } from '../failures/death-streaks.ts'
import type { ThreadDeath } from '../threads/thread-death.ts'
import type { ThreadPool } from '../threads/thread-pool.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'

export interface FeederKeeperHost {
  readonly pool: Pick<ThreadPool, 'feeder' | 'startFeeder'>
  /** The new thread knows nothing yet of the cluster. */
  readonly welcome: (thread: WorkerThread) => void
  /** Whatever it filled goes on with another one. */
  readonly putDown: (thread: WorkerThread) => void
  readonly report: (error: GroupError) => void
  /** The group cannot go on. */
  readonly fail: (error: GroupError) => void
  /** Aborts when the group stops. */
  readonly stopSignal: AbortSignal
}

/** One that has lived for as long has done some work. */
const ADVANCED_MS = 60_000

/** Keeps the thread that fills rings: started when the first ring is, and anew when it has died. */
export class FeederKeeper {
  readonly #host: FeederKeeperHost
  readonly #feeders = new WeakSet<WorkerThread>()
  readonly #streaks = new DeathStreaks()
  #startedAtMs = 0

  constructor(host: FeederKeeperHost) {
    this.#host = host
  }

  /** NOT_RUNNING once the threads are being stopped. */
  get(): WorkerThread {
    const present = this.#host.pool.feeder
    return present?.isRunning === true ? present : this.#start()
  }

  isOrWas(thread: WorkerThread): boolean {
    return this.#feeders.has(thread)
  }

  /** One that it started has exited. */
  exited(thread: WorkerThread, death: ThreadDeath | null): void {
    if (death === null || this.#host.stopSignal.aborted) return // nothing is to be fed any more
    this.#host.report(death.error)
    const hasAdvanced = monotonicMs() - this.#startedAtMs > ADVANCED_MS
    if (this.#streaks.died(thread.threadId, hasAdvanced)) this.#host.fail(diesAgainAndAgain(death.error))
    else this.#host.putDown(thread)
  }

  #start(): WorkerThread {
    const thread = this.#host.pool.startFeeder()
    this.#feeders.add(thread)
    this.#startedAtMs = monotonicMs()
    this.#host.welcome(thread)
    return thread
  }
}
