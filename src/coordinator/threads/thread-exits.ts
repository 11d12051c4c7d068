import type { Worker } from 'node:worker_threads'

/** When the threads of a pool have really exited. Piscina forgets a thread as soon as it has told it to end. */
export class ThreadExits {
  /** Of threads that have not: numbers are never given twice, and there is no end to deaths. */
  readonly #exits = new Map<number, Promise<void>>()

  /** To be called before the thread can have exited. Idempotent until then. */
  watch(worker: Worker): void {
    const { threadId } = worker
    if (this.#exits.has(threadId)) return
    const exited = new Promise<void>(resolve => {
      worker.once('exit', () => {
        this.#exits.delete(threadId)
        resolve()
      })
    })
    this.#exits.set(threadId, exited)
  }

  /** Threads that have not exited. */
  get count(): number {
    return this.#exits.size
  }

  /** Resolves when the thread of this number (of node:worker_threads) has exited. */
  async of(nodeThreadId: number): Promise<void> {
    // One that nobody knows has exited, or cannot be waited for, and whoever asks waits for nothing else: it counts as gone.
    await this.#exits.get(nodeThreadId)
  }

  /** Resolves when every thread that was watched has exited. */
  async all(): Promise<void> {
    await Promise.all(this.#exits.values())
  }
}
