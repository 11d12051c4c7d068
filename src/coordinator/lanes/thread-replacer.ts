import { deferred } from '../../shared/deferred.ts'
import { asGroupError, GroupError, isGroupError } from '../../shared/errors.ts'
import { inTime } from '../../shared/in-time.ts'
import { partitionName } from '../../shared/types.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { ThreadPool } from '../threads/thread-pool.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'

export interface ThreadReplacerHost {
  readonly pool: Pick<ThreadPool, 'replace'>
  readonly partitions: () => readonly OwnedPartition[]
  /** The new thread knows nothing yet of the cluster. */
  readonly welcome: (thread: WorkerThread) => void
  readonly replaced: (thread: WorkerThread) => void
  readonly report: (error: GroupError) => void
  /** There is no other thread: the group cannot go on. */
  readonly fail: (error: GroupError) => void
}

/** How long other lanes of a thread may take to finish what they have in hand before it is ended. */
const BYSTANDERS_MS = 1000

/**
 * Ends threads whose handler does not let its partition go, and puts new ones in their place. A handler cannot be ended
 * alone. Lanes of other partitions leave the thread before, if it still listens, so that nothing of theirs is cut; they
 * go on on the new one from their shared memory.
 */
export class ThreadReplacer {
  readonly #host: ThreadReplacerHost
  /** Threads stay in here: who planned with one that is gone finds its successor. */
  readonly #replacements = new WeakMap<WorkerThread, Promise<WorkerThread>>()

  constructor(host: ThreadReplacerHost) {
    this.#host = host
  }

  /** What takes the thread's place, once it can run lanes; null if it was not ended from here. */
  replacementOf(thread: WorkerThread): Promise<WorkerThread> | null {
    return this.#replacements.get(thread) ?? null
  }

  /** Ends the thread that a handler of the partition still runs on; nothing to do if none does. */
  cut(partition: OwnedPartition): void {
    const { thread } = partition
    if (thread === null || thread.hasExited || this.#replacements.has(thread)) return
    this.#host.report(handlerCut(partition, thread))
    const { promise, resolve, reject } = deferred<WorkerThread>()
    promise.catch(() => {}) // told to `fail`, too: nobody may be waiting for it
    this.#replacements.set(thread, promise)
    this.#replace(thread, promise).then(resolve, reject)
  }

  async #replace(thread: WorkerThread, replacement: Promise<WorkerThread>): Promise<WorkerThread> {
    await inTime(() => Promise.all(this.#moveOthersOff(thread, replacement)), BYSTANDERS_MS)
    await thread.terminate()
    void this.#moveOthersOff(thread, replacement) // lanes that were started on it meanwhile
    try {
      const fresh = this.#host.pool.replace(thread)
      this.#host.welcome(fresh)
      await fresh.loadHandler()
      this.#host.replaced(fresh)
      return fresh
    } catch (thrown) {
      const error = asGroupError(thrown, `replacing worker thread ${thread.threadId}`)
      if (!isGroupError(error, 'NOT_RUNNING')) this.#host.fail(error) // else the group stops anyway
      throw error
    }
  }

  /** A promise for each of the lanes, which resolves when nothing of it is in hand on the thread. */
  #moveOthersOff(thread: WorkerThread, replacement: Promise<WorkerThread>): Promise<undefined>[] {
    const others = this.#host.partitions().filter(one => one.thread === thread && !one.isUnwanted)
    return others.map(one => {
      const left = deferred<undefined>()
      one
        .moveOff(thread, replacement, () => left.resolve(undefined))
        .catch((error: unknown) => this.#host.report(asGroupError(error, `moving ${partitionName(one)}`)))
      return left.promise
    })
  }
}

function handlerCut(partition: OwnedPartition, { threadId }: WorkerThread): GroupError {
  const { topic, partition: number } = partition
  const offset = partition.memory?.floor ?? null
  return new GroupError(
    'HANDLER_CUT',
    `the handler of ${partitionName(partition)} at offset ${offset ?? 'unknown'} goes on although the partition is to be given up and its signal has aborted; its thread ${threadId} is ended and replaced, and whoever owns the partition next handles the record again`,
    { details: { topic, partition: number, offset, threadId } },
  )
}
