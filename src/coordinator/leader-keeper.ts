import { Backoff } from '../shared/backoff.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { Logger } from '../shared/logger.ts'
import type { KafkaCluster } from './kafka/cluster.ts'
import type { WorkerThread } from './threads/worker-thread.ts'

const RETRY = { initialMs: 100, maxMs: 2000 }

/** Keeps every thread told who leads which partition: one refresh for all who ask at the same time. */
export class LeaderKeeper {
  readonly #cluster: KafkaCluster
  readonly #topics: readonly string[]
  readonly #threads: () => readonly WorkerThread[]
  readonly #logger: Logger
  readonly #stopSignal = new AbortController()
  #refreshing: Promise<void> | null = null

  constructor(
    cluster: KafkaCluster,
    topics: readonly string[],
    threads: () => readonly WorkerThread[],
    logger: Logger,
  ) {
    this.#cluster = cluster
    this.#topics = topics
    this.#threads = threads
    this.#logger = logger
  }

  /** Asks the cluster now and tells the threads. */
  async refresh(): Promise<void> {
    const view = await this.#cluster.leaderView(this.#topics)
    await Promise.all(this.#threads().map(thread => thread.updateLeaders(view)))
  }

  /** A thread met a stale leader: refreshes until it works; asking again meanwhile changes nothing. */
  refreshSoon(reason: string): void {
    if (this.#refreshing !== null || this.#stopSignal.signal.aborted) return
    this.#logger.debug({ reason }, 'refreshing leaders')
    this.#refreshing = this.#refreshUntilDone().finally(() => {
      this.#refreshing = null
    })
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#stopSignal.abort()
    await this.#refreshing
  }

  #isStopped(): boolean {
    return this.#stopSignal.signal.aborted
  }

  async #refreshUntilDone(): Promise<void> {
    const backoff = new Backoff(RETRY)
    while (!this.#isStopped()) {
      try {
        await backoff.wait(this.#stopSignal.signal)
        await this.refresh()
        return
      } catch (error) {
        if (this.#isStopped()) return // the wait was cut, or connections are being closed
        this.#logger.warn({ err: toLoggable(error) }, 'leaders could not be refreshed; trying again')
      }
    }
  }
}
