import { Backoff } from '../../shared/backoff.ts'
import { isGroupError } from '../../shared/errors.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import type { LeaderView } from '../../shared/protocol.ts'
import type { KafkaCluster } from '../kafka/cluster.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'

const RETRY = { initialMs: 100, maxMs: 2000 }

type Thread = Pick<WorkerThread, 'threadId' | 'updateLeaders'>

export interface LeaderKeeperParts {
  readonly cluster: Pick<KafkaCluster, 'leaderView' | 'knownLeaders'>
  readonly topics: readonly string[]
  threads(): readonly Thread[]
  /** The brokers have told what they know now. */
  refreshed(): void
  readonly logger: Logger
}

/** Keeps every thread told who leads which partition: one refresh for all who ask at the same time. */
export class LeaderKeeper {
  readonly #parts: LeaderKeeperParts
  readonly #stopSignal = new AbortController()
  #refreshing: Promise<void> | null = null

  constructor(parts: LeaderKeeperParts) {
    this.#parts = parts
  }

  /**
   * Asks the cluster now and tells the threads. What they say to it is not waited for: one in a long handler answers
   * when that has ended, and a lane that is started later finds the view there, because calls keep their order.
   */
  async refresh(): Promise<void> {
    const view = await this.#parts.cluster.leaderView(this.#parts.topics)
    if (this.#isStopped()) return // threads that are about to end need no leaders
    this.#tellAll(view)
    this.#parts.refreshed()
  }

  /** Tells the threads what is known already, so that lanes that are started now need not ask. */
  tellKnown(): void {
    if (!this.#isStopped()) this.#tellAll(this.#parts.cluster.knownLeaders(this.#parts.topics))
  }

  /** Tells a thread that has just started what the others know. */
  welcome(thread: Thread): void {
    if (!this.#isStopped()) this.#tell(thread, this.#parts.cluster.knownLeaders(this.#parts.topics))
  }

  /** A thread met a stale leader: refreshes until it works; asking again meanwhile changes nothing. */
  refreshSoon(reason: string): void {
    if (this.#refreshing !== null || this.#stopSignal.signal.aborted) return
    this.#parts.logger.debug({ reason }, 'refreshing leaders')
    this.#refreshing = this.#refreshUntilDone().finally(() => {
      this.#refreshing = null
    })
  }

  /**
   * Asks nothing any more, from now on. A question that waits for its answer is cut by closing the cluster only, so
   * what this gives back settles after that: close the cluster before waiting for it. Idempotent, never rejects.
   */
  stop(): Promise<void> {
    this.#stopSignal.abort()
    return this.#refreshing ?? Promise.resolve()
  }

  #tellAll(view: LeaderView): void {
    for (const thread of this.#parts.threads()) this.#tell(thread, view)
  }

  #tell(thread: Thread, view: LeaderView): void {
    thread.updateLeaders(view).catch((error: unknown) => {
      if (isGroupError(error, 'WORKER_DIED')) return // without lanes it needs no leaders
      this.#parts.logger.warn(
        { threadId: thread.threadId, err: toLoggable(error) },
        'a thread was not told of new leaders',
      )
    })
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
        this.#parts.logger.warn({ err: toLoggable(error) }, 'leaders could not be refreshed; trying again')
      }
    }
  }
}
