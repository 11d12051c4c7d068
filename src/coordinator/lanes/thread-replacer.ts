import { Backoff } from '../../shared/backoff.ts'
import { deferred } from '../../shared/deferred.ts'
import { asGroupError, GroupError, isGroupError } from '../../shared/errors.ts'
import { inTime } from '../../shared/in-time.ts'
import { partitionName } from '../../shared/types.ts'
import { DeathStreaks } from '../failures/death-streaks.ts'
import { cannotBeEnded, diesAgainAndAgain } from '../failures/failure-errors.ts'
import type { OverdueRecord, ThreadInquests } from '../failures/thread-inquests.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { ThreadDeath } from '../threads/thread-death.ts'
import type { ThreadPool } from '../threads/thread-pool.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'

export interface ThreadReplacerHost {
  readonly pool: Pick<ThreadPool, 'threads' | 'replace' | 'prepareSpare'>
  readonly inquests: Pick<ThreadInquests, 'died' | 'cut' | 'putDown'>
  readonly partitions: () => readonly OwnedPartition[]
  /** The new thread knows nothing yet of the cluster. */
  readonly welcome: (thread: WorkerThread) => void
  readonly died: (thread: WorkerThread, error: GroupError) => void
  readonly replaced: (thread: WorkerThread) => void
  readonly report: (error: GroupError) => void
  /** There is no other thread: the group cannot go on. */
  readonly fail: (error: GroupError) => void
  /** Aborts when the group stops: nothing is replaced any more. */
  readonly stopSignal: AbortSignal
  readonly handlerTimeoutMs: number
}

/** How long other lanes of a thread may take to finish what they have in hand before it is ended. */
const BYSTANDERS_MS = 1000
/** The same, where the one that is to be ended has used up its grace by then. */
const BYSTANDERS_OF_OVERDUE_MS = 250
/** A thread that has not exited by then, although it was told to end, is inside a native call. */
const NATIVE_CALL_MS = 1000

/** So many threads in a row may fail to load the handler. */
const MAX_TRIES = 3
const BETWEEN_TRIES = { initialMs: 200, maxMs: 2000 }

/** Judges a thread that was ended from here, once it has exited. */
type Judge = () => void

/**
 * Puts new threads in the place of those that died, and of those that it ends because a handler does not let its
 * partition go or takes too long: a handler cannot be ended alone. Lanes of other partitions leave such a thread before,
 * if it still listens, so that nothing of theirs is cut. All go on on the new one from their shared memory.
 */
export class ThreadReplacer {
  readonly #host: ThreadReplacerHost
  /** Of the places whose next thread is not ready yet. By place, not by thread: a chain of successors would keep them all. */
  readonly #replacements = new Map<number, Promise<WorkerThread>>()
  readonly #judges = new WeakMap<WorkerThread, Judge>()
  readonly #streaks = new DeathStreaks()

  constructor(host: ThreadReplacerHost) {
    this.#host = host
  }

  /** What takes the thread's place, once it can run lanes; null if nothing does. */
  replacementOf(thread: WorkerThread): Promise<WorkerThread> | null {
    const coming = this.#replacements.get(thread.threadId)
    if (coming !== undefined) return coming
    // Who planned with one that is gone finds its successor.
    const present = this.#host.pool.threads[thread.threadId]
    return present === undefined || present === thread ? null : Promise.resolve(present)
  }

  /** Ends the threads that handlers of the partition still run on; nothing to do if none does. Counts as no attempt. */
  cut(partition: OwnedPartition): void {
    for (const thread of threadsToCut(partition)) {
      if (!this.#mayEnd(thread)) continue
      this.#host.report(handlerCut(partition, thread))
      this.#end(thread, () => {}, [partition], BYSTANDERS_MS)
    }
  }

  /** Ends a thread whose handlers take too long. One that is blocked does not hear, so nothing of it can leave before. */
  cutOverdue(thread: WorkerThread, overdue: readonly OverdueRecord[], isBlocked: boolean): void {
    if (!this.#mayEnd(thread)) return
    const partitions = overdue.map(({ partition }) => partition)
    const judge = (): void => this.#host.inquests.cut(thread, overdue, isBlocked)
    this.#end(thread, judge, partitions, isBlocked ? 0 : BYSTANDERS_OF_OVERDUE_MS)
    void this.#tellOfNativeCall(thread, overdue[0])
  }

  /** A thread has exited. In this very turn all is settled that whoever waits for an answer of it will ask for. */
  exited(thread: WorkerThread, death: ThreadDeath | null): void {
    if (death === null) return // it was asked to
    if (death.kind === 'terminated') this.#judges.get(thread)?.()
    else if (thread.isReady) this.#died(thread, death)
    // Else whoever had it load its handler hears of it.
    this.#host.inquests.putDown(thread)
    const replacement = this.#replacements.get(thread.threadId)
    if (replacement !== undefined) void this.#moveOff(thread, replacement, [])
  }

  #died(thread: WorkerThread, death: ThreadDeath): void {
    this.#host.died(thread, death.error)
    const hasAdvanced = this.#host.inquests.died(thread, death)
    if (this.#replacements.has(thread.threadId) || this.#host.stopSignal.aborted) return
    const isTooMuch = this.#streaks.died(thread.threadId, hasAdvanced)
    this.#begin(thread, () =>
      isTooMuch ? this.#giveUp(diesAgainAndAgain(death.error)) : this.#replace(thread),
    )
  }

  #mayEnd(thread: WorkerThread): boolean {
    return !thread.hasExited && !this.#replacements.has(thread.threadId)
  }

  #end(thread: WorkerThread, judge: Judge, except: readonly OwnedPartition[], patienceMs: number): void {
    this.#judges.set(thread, judge)
    this.#begin(thread, async replacement => {
      if (patienceMs > 0) await inTime(() => this.#moveOff(thread, replacement, except), patienceMs)
      await thread.terminate()
      return this.#replace(thread)
    })
  }

  /** From now on the thread has a replacement. */
  #begin(thread: WorkerThread, work: (replacement: Promise<WorkerThread>) => Promise<WorkerThread>): void {
    const { promise, resolve, reject } = deferred<WorkerThread>()
    promise.catch(() => {}) // told to `fail`, too: nobody may be waiting for it
    this.#replacements.set(thread.threadId, promise)
    work(promise).then(fresh => {
      this.#replacements.delete(thread.threadId)
      resolve(fresh)
    }, reject)
  }

  async #replace(gone: WorkerThread): Promise<WorkerThread> {
    const { pool, stopSignal } = this.#host
    if (stopSignal.aborted) throw new GroupError('NOT_RUNNING', 'the group stops: it needs no other thread')
    const backoff = new Backoff(BETWEEN_TRIES)
    let last = gone
    for (let tries = 1; ; tries += 1) {
      last = pool.replace(last)
      try {
        return await this.#prepare(last)
      } catch (thrown) {
        stopSignal.throwIfAborted() // the group ends its threads then
        const error = asGroupError(thrown, `replacing worker thread ${gone.threadId}`)
        // One that died before it said that it is ready counts in the row of deaths, too: else both bounds multiply.
        const died = isGroupError(error, 'WORKER_DIED') && this.#streaks.died(gone.threadId, false)
        if (died || tries === MAX_TRIES) return this.#giveUp(error)
        this.#host.report(error)
      }
      await last.terminate()
      await backoff.wait(stopSignal)
    }
  }

  async #prepare(fresh: WorkerThread): Promise<WorkerThread> {
    const { pool, welcome, replaced } = this.#host
    welcome(fresh)
    await fresh.loadHandler()
    replaced(fresh)
    pool.prepareSpare()
    return fresh
  }

  #giveUp(error: GroupError): Promise<never> {
    this.#host.fail(error)
    // The group tells the cause; its partitions are given up by its stop, and nothing is wrong with them.
    return Promise.reject(
      new GroupError('NOT_RUNNING', 'the group fails: it has no thread', { cause: error }),
    )
  }

  /** Resolves when nothing of the other lanes is in hand on the thread. */
  async #moveOff(
    thread: WorkerThread,
    replacement: Promise<WorkerThread>,
    except: readonly OwnedPartition[],
  ): Promise<void> {
    const others = this.#host
      .partitions()
      .filter(one => one.isOn(thread) && !one.isUnwanted && !except.includes(one))
    await Promise.all(others.map(one => this.#moveOneOff(one, thread, replacement)))
  }

  #moveOneOff(one: OwnedPartition, thread: WorkerThread, replacement: Promise<WorkerThread>): Promise<void> {
    const left = deferred<undefined>()
    one
      .moveOff(thread, replacement, () => left.resolve(undefined))
      .catch((error: unknown) => this.#host.report(asGroupError(error, `moving ${partitionName(one)}`)))
    return left.promise
  }

  async #tellOfNativeCall(thread: WorkerThread, overdue: OverdueRecord | undefined): Promise<void> {
    if (overdue === undefined) return
    await inTime(() => thread.ended, BYSTANDERS_OF_OVERDUE_MS + NATIVE_CALL_MS)
    if (thread.hasExited) return
    const { topic, partition } = overdue.partition
    const record = { topic, partition, offset: overdue.offset, threadId: thread.threadId }
    this.#host.report(cannotBeEnded(record, this.#host.handlerTimeoutMs))
  }
}

/** Those in whose hands something of it is; where nothing is, they do not hear that it is to end. */
function threadsToCut(partition: OwnedPartition): readonly WorkerThread[] {
  const busy = partition.threads.filter(thread => partition.inHandOn(thread).length > 0)
  return busy.length > 0 ? busy : partition.threads
}

function handlerCut(partition: OwnedPartition, thread: WorkerThread): GroupError {
  const { topic, partition: number } = partition
  const { threadId } = thread
  const offset = partition.inHandOn(thread)[0]?.offset ?? null
  const [why, next] = partition.isUnwanted
    ? ['the partition is to be given up', 'whoever owns the partition next handles the record again']
    : ['the partition is to go on with other lanes', 'the record is handled again in those']
  return new GroupError(
    'HANDLER_CUT',
    `the handler of ${partitionName(partition)} at offset ${offset ?? 'unknown'} goes on although ${why} and its signal has aborted; its thread ${threadId} is ended and replaced, and ${next}`,
    { details: { topic, partition: number, offset, threadId } },
  )
}
