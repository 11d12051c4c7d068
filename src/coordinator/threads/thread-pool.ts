import { Piscina } from 'piscina'
import { carryErrorsAcrossThreads } from '../../shared/error-wire.ts'
import { isGroupError } from '../../shared/errors.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import type { WorkerSettings } from '../../shared/protocol.ts'
import { WorkerThread, type RunTask, type WorkerThreadListener } from './worker-thread.ts'

const ENTRY = new URL('../../worker/entry.js', import.meta.url).href
/** How long Piscina waits for its threads to end after their tasks have: they are done by then. */
const CLOSE_TIMEOUT_MS = 1000

export interface ThreadPoolOptions {
  readonly threads: number
  /** `threadId` is filled in per thread. */
  readonly settings: Omit<WorkerSettings, 'threadId'>
  readonly groupMemory: SharedArrayBuffer
  readonly logger: Logger
}

/**
 * Piscina as a supervised thread factory: each thread runs one endless task, whose settling is the notice of the
 * thread's end. Atomics must stay off: by default Piscina parks an idle thread in Atomics.wait, where its ports and
 * sockets are dead.
 */
export class ThreadPool {
  readonly threads: readonly WorkerThread[]
  readonly #piscina: Piscina
  #stopped: Promise<void> | null = null

  constructor(options: ThreadPoolOptions, listener: WorkerThreadListener) {
    carryErrorsAcrossThreads()
    this.#piscina = new Piscina({
      filename: ENTRY,
      minThreads: options.threads,
      maxThreads: options.threads,
      idleTimeout: Infinity,
      atomics: 'disabled',
      closeTimeout: CLOSE_TIMEOUT_MS,
    })
    this.#piscina.on('error', (error: unknown) => {
      options.logger.error({ err: toLoggable(error) }, 'the thread pool reported an error')
    })
    const run: RunTask = (start, transfer, signal) =>
      this.#piscina.run(start, { transferList: transfer, signal }) as Promise<void>
    this.threads = Array.from(
      { length: options.threads },
      (_, threadId) =>
        new WorkerThread({ ...options.settings, threadId }, options.groupMemory, listener, run),
    )
  }

  /** Imports the handler and runs `setup` on every thread; the first failure is thrown. */
  async loadHandlers(): Promise<void> {
    await Promise.all(this.threads.map(thread => thread.loadHandler()))
  }

  /** Stops every thread gracefully until the signal aborts, then by force. Idempotent. */
  stop(force: AbortSignal): Promise<void> {
    this.#stopped ??= this.#stop(force)
    return this.#stopped
  }

  async #stop(force: AbortSignal): Promise<void> {
    await Promise.all(this.threads.map(thread => stopThread(thread, force)))
    await this.#piscina.destroy()
  }
}

async function stopThread(thread: WorkerThread, force: AbortSignal): Promise<void> {
  const forced = new Promise<void>(resolve => {
    const kill = (): void => void thread.terminate().then(() => resolve())
    if (force.aborted) kill()
    else force.addEventListener('abort', kill, { once: true })
  })
  const graceful = thread.stop().catch((error: unknown) => {
    if (isGroupError(error, 'WORKER_DIED')) return // it is gone, which is what was asked
    throw error
  })
  await Promise.race([graceful, forced])
}
