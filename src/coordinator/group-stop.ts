import { GroupError } from '../shared/errors.ts'
import { inTime } from '../shared/in-time.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { Logger } from '../shared/logger.ts'
import type { PartitionSet } from './partitions/partition-set.ts'
import { StopDeadline } from './stop-deadline.ts'
import type { GroupStorage } from './storage/group-storage.ts'
import type { ThreadPool } from './threads/thread-pool.ts'

export interface GroupStopParts {
  /** What only needs its timer cleared. */
  readonly timers: readonly { stop(): void }[]
  readonly committer: { stop(): Promise<void> }
  readonly partitions: PartitionSet
  /** Null: the member writes none. */
  readonly deadLetters: { stop(): void } | null
  /** Ends threads whose handlers take too long; null if they may take as long as they like. */
  readonly deadlines: { stop(): void } | null
  readonly pool: ThreadPool
  readonly storage: Pick<GroupStorage, 'leave' | 'close' | 'abandon'>
  /** Tells the group that this member goes, so that others wait for its partitions before it lets them go. */
  readonly announce: (signal: AbortSignal) => Promise<void>
  /** From now on no record is taken. */
  readonly takeNoMore: () => void
  /** What waits for answers of brokers, which `cluster.close()` cuts. */
  readonly askers: readonly { stop(): Promise<void> }[]
  readonly cluster: { close(): void }
  /** Aborted when a refused release is not tried again. */
  readonly giveUpReleasing: AbortController
  readonly logger: Logger
  readonly report: (error: GroupError) => void
}

/**
 * The others find out by themselves if it takes longer. Records are taken meanwhile: a partition does not rest while the
 * group is told who is to have it next.
 */
const ANNOUNCE_MS = 500

/**
 * Stops a member in the order that loses nothing: the group is told, no further record, drain, commit and release,
 * threads, leave. What depends on brokers comes last, because none of that is needed for an end that is clean. Every step is bounded by the
 * deadline, and one that fails does not keep the others from their turn.
 */
export class GroupStop {
  readonly #parts: GroupStopParts
  readonly #timeoutMs: number

  constructor(parts: GroupStopParts, timeoutMs: number) {
    this.#parts = parts
    this.#timeoutMs = timeoutMs
  }

  /** Never rejects. */
  async run(): Promise<void> {
    const { timers, askers, committer, partitions, pool, storage, cluster } = this.#parts
    const deadline = new StopDeadline(this.#timeoutMs, {
      abortHandlers: () => this.#abortHandlers(),
      terminateThreads: () => this.#terminateThreads(),
    })
    const step = (name: string, work: Promise<unknown>): Promise<void> =>
      deadline.bound(work, error => this.#failed(name, error))
    for (const timer of timers) timer.stop()
    const asking = askers.map(asker => asker.stop())
    await step('announcing the leave', inTime(this.#parts.announce, ANNOUNCE_MS))
    this.#parts.takeNoMore()
    await Promise.all([
      step('committing', committer.stop()),
      step('releasing', partitions.releaseAll('the member stops')),
    ])
    this.#parts.deadLetters?.stop() // no lane waits for one any more, but those that were cut
    this.#parts.deadlines?.stop() // not before: a handler that never ends must not hold up the drain either
    // Before the threads end, which `teardown` may draw out: where there is no plan others wait for the member to be gone.
    if (!this.#mayRun) await step('leaving', storage.leave())
    await step('stopping threads', pool.stop(deadline.force, deadline.giveUp))
    await this.#leave(step)
    cluster.close()
    await step('closing connections', Promise.all(asking))
    deadline.clear()
  }

  async #leave(step: (name: string, work: Promise<unknown>) => Promise<void>): Promise<void> {
    const { storage } = this.#parts
    if (this.#mayRun) {
      // A handler that could not be ended may still be at work: nobody else may begin before the session is over.
      await step('leaving the claims behind', storage.abandon())
      return
    }
    await step('leaving', storage.leave())
    await step('closing the storage', storage.close())
  }

  get #mayRun(): boolean {
    return this.#parts.partitions.all.some(({ threads }) => threads.some(thread => !thread.hasExited))
  }

  #abortHandlers(): void {
    for (const partition of this.#parts.partitions.all) {
      partition
        .abortSignal('the stop deadline is near')
        .catch((error: unknown) => this.#failed('aborting', error))
    }
  }

  #terminateThreads(): void {
    const { partitions, report, giveUpReleasing } = this.#parts
    giveUpReleasing.abort()
    const busy = new Set(partitions.all.flatMap(({ threads }) => threads))
    if (busy.size === 0) return
    const ids = [...busy].map(thread => thread.threadId).join(', ')
    report(stopTimeout(ids, this.#timeoutMs))
    for (const thread of busy) void thread.terminate()
  }

  #failed(step: string, error: unknown): void {
    this.#parts.logger.warn({ step, err: toLoggable(error) }, 'stopping goes on although a step failed')
  }
}

function stopTimeout(threads: string, timeoutMs: number): GroupError {
  return new GroupError(
    'STOP_TIMEOUT',
    `handlers on thread ${threads} did not end within the stop deadline of ${timeoutMs} ms; they are cut, and whoever has their partitions next handles their records again`,
    { details: { threads, timeoutMs } },
  )
}
