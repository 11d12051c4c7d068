import type { MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { GroupError, isGroupError } from '../../shared/errors.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import type { WorkerSettings, WorkerStart } from '../../shared/protocol.ts'
import { unlessAborted } from '../../shared/unless-aborted.ts'
import { ThreadExits } from './thread-exits.ts'
import { WorkerThread, type ThreadHost, type WorkerThreadListener } from './worker-thread.ts'

/** `worker/entry` in one file with all that it needs: see decision 10. */
const ENTRY = new URL('../../worker/thread.cjs', import.meta.url).href

/** How long a spare waits for the next death before it is ended: it has some ten megabytes. */
const SPARE_KEPT_MS = 60_000

export interface ThreadPoolOptions {
  readonly threads: number
  readonly settings: WorkerSettings
  /** @defaultValue as `settings` */
  readonly feederSettings?: WorkerSettings
  readonly groupMemory: SharedArrayBuffer
  /** What the heap of each thread may grow to. @defaultValue Node's own limit */
  readonly threadMemoryMb?: number | null
  readonly logger: Logger
}

/**
 * Piscina as a supervised thread factory: each thread runs one endless task, whose settling is the notice that the
 * thread is done, dead or told to end; only its exit is the notice that nothing runs in it. Atomics must stay off: by
 * default Piscina parks an idle thread in Atomics.wait, where its ports and sockets are dead.
 *
 * A thread that died is seldom the last one: from the first on a _spare_ is kept, which has everything loaded but the
 * handler, so that the next lanes need not wait for that. See decision 10.
 */
export class ThreadPool {
  readonly #options: ThreadPoolOptions
  readonly #listener: WorkerThreadListener
  readonly #threads: WorkerThread[]
  readonly #piscina: Piscina
  readonly #exits = new ThreadExits()
  readonly #host: ThreadHost = {
    run: (start, transfer, signal) => this.#run(start, transfer, signal),
    exited: nodeThreadId => this.#exits.of(nodeThreadId),
  }
  #feeder: WorkerThread | null = null
  #spare: WorkerThread | null = null
  #spareTimer: NodeJS.Timeout | null = null
  #stopped: Promise<void> | null = null

  constructor(options: ThreadPoolOptions, listener: WorkerThreadListener) {
    this.#options = options
    this.#listener = listener
    const { threadMemoryMb = null } = options
    this.#piscina = new Piscina({
      ...(threadMemoryMb === null ? {} : { resourceLimits: { maxOldGenerationSizeMb: threadMemoryMb } }),
      filename: ENTRY,
      minThreads: options.threads,
      maxThreads: options.threads + 2, // the spare and the feeder
      idleTimeout: Infinity,
      atomics: 'disabled',
    })
    // Else Piscina puts an idle thread in the place of each that ends: after destroy() too, where nothing would end it.
    this.#piscina.options.minThreads = 0
    this.#piscina.on('error', (error: unknown) => {
      options.logger.error({ err: toLoggable(error) }, 'the thread pool reported an error')
    })
    this.#threads = Array.from({ length: options.threads }, (_, threadId) => {
      const thread = this.#start()
      thread.takePlace(threadId)
      return thread
    })
  }

  /** By `threadId`. One that was replaced gives its place to the new one. */
  get threads(): readonly WorkerThread[] {
    return this.#threads
  }

  /** The one that fills rings and never loads a handler; null until it is needed. It has a number beyond those of the threads. */
  get feeder(): WorkerThread | null {
    return this.#feeder
  }

  /** With the feeder. */
  get all(): readonly WorkerThread[] {
    return this.#feeder === null ? this.#threads : [...this.#threads, this.#feeder]
  }

  /** In the place of the one before, which has ended. NOT_RUNNING once stopping. */
  startFeeder(): WorkerThread {
    this.#throwIfStopping()
    const gone = this.#feeder
    const thread = this.#start(this.#options.feederSettings)
    thread.takePlace(this.#options.threads, gone === null ? 0 : gone.restarts + 1)
    this.#feeder = thread
    return thread
  }

  /** Imports the handler and runs `setup` on every thread; the first failure is thrown. */
  async loadHandlers(): Promise<void> {
    await Promise.all(this.threads.map(thread => thread.loadHandler()))
  }

  /** Puts another thread, which has not loaded its handler yet, in the place of one that has exited. NOT_RUNNING once stopping. */
  replace(gone: WorkerThread): WorkerThread {
    this.#throwIfStopping()
    const thread = this.#takeSpare() ?? this.#start()
    thread.takePlace(gone.threadId, gone.restarts + 1)
    this.#threads[gone.threadId] = thread
    return thread
  }

  /** Starts a thread for the next place that becomes free, unless one waits already; it is ended if none does for a while. */
  prepareSpare(): void {
    if (this.#stopped !== null) return
    if (this.#spare?.isRunning !== true) this.#spare = this.#start()
    if (this.#spareTimer !== null) clearTimeout(this.#spareTimer)
    this.#spareTimer = setTimeout(() => void this.#takeSpare()?.terminate(), SPARE_KEPT_MS)
    this.#spareTimer.unref() // it holds nothing that a program would have to wait for
  }

  /**
   * Stops every thread gracefully until `force` aborts, then terminates those that are left. Resolves when all have
   * exited, which a handler in a native call delays for as long as the call takes; or when `giveUp` aborts, by default
   * never. Rejects, with all of that done, if a thread could not be asked to stop. Idempotent.
   */
  stop(force: AbortSignal, giveUp: AbortSignal = new AbortController().signal): Promise<void> {
    this.#stopped ??= this.#stop(force, giveUp)
    return this.#stopped
  }

  async #stop(force: AbortSignal, giveUp: AbortSignal): Promise<void> {
    void this.#takeSpare()?.terminate() // waited for with the others
    const graceful = await Promise.allSettled(this.all.map(thread => orAborted(stopThread(thread), force)))
    await orAborted(this.#endAll(), giveUp)
    const failed = graceful.find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #throwIfStopping(): void {
    if (this.#stopped !== null) throw new GroupError('NOT_RUNNING', 'the threads are being stopped')
  }

  #start(settings = this.#options.settings): WorkerThread {
    const { groupMemory } = this.#options
    return new WorkerThread(settings, groupMemory, this.#listener, this.#host)
  }

  /** Null if none waits. One that died while it waited had nothing in hand. */
  #takeSpare(): WorkerThread | null {
    if (this.#spareTimer !== null) clearTimeout(this.#spareTimer)
    const spare = this.#spare
    this.#spareTimer = null
    this.#spare = null
    return spare?.isRunning === true ? spare : null
  }

  #run(start: WorkerStart, transfer: MessagePort[], signal: AbortSignal): Promise<void> {
    const task = this.#piscina.run(start, { transferList: transfer, signal }) as Promise<void>
    for (const thread of this.#piscina.threads) this.#exits.watch(thread) // the task may have begun a new one
    return task
  }

  async #endAll(): Promise<void> {
    for (const thread of this.all) if (thread.isRunning) void thread.terminate() // below, with those that were before
    await this.#piscina.destroy() // knows nothing any more of threads that were terminated before
    await this.#exits.all()
    await Promise.all(this.all.map(thread => thread.ended))
  }
}

async function stopThread(thread: WorkerThread): Promise<void> {
  try {
    await thread.stop()
  } catch (error) {
    if (isGroupError(error, 'WORKER_DIED')) return // it is gone, which is what was asked
    throw error
  }
}

/** Settles as `work` does; resolves as soon as the signal aborts. */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await unlessAborted(work, signal)
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
  }
}
