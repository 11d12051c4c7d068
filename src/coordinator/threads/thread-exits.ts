import type { Worker } from 'node:worker_threads'

/** When the threads of a pool have really exited. Piscina forgets a thread as soon as it has told it to end. */
export class ThreadExits {
  readonly #exits = new Map<number, Promise<void>>()

  /** To be called before the thread can have exited. Idempotent. */
  watch(worker: Worker): void {
    if (this.#exits.has(worker.threadId)) return
    const exited = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    this.#exits.set(worker.threadId, exited)
  }

  /** Resolves when the thread of this number (of node:worker_threads) has exited. */
  async of(nodeThreadId: number): Promise<void> {
    const exited = this.#exits.get(nodeThreadId)
    // One that nobody knows cannot be waited for, and whoever asks waits for nothing else: it counts as gone.
    await exited
  }

  /** Resolves when every thread that was watched has exited. */
  async all(): Promise<void> {
    await Promise.all(this.#exits.values())
  }
}
