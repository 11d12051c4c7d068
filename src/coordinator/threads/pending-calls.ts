import { deferred } from '../../shared/deferred.ts'

/**
 * Calls to a thread that wait for their answer: Comlink leaves those of a thread that is gone pending for ever. Each
 * has an end of its own to race with, because one for all would keep a reaction of every call ever made.
 */
export class PendingCalls {
  readonly #rejections = new Set<(reason: Error) => void>()
  #reason: Error | null = null

  /** Settles as the answer does. After `rejectAll` nothing is asked any more. */
  async settle<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#reason !== null) throw this.#reason
    const { promise: gone, reject } = deferred<never>()
    this.#rejections.add(reject)
    try {
      return await Promise.race([ask(), gone])
    } finally {
      this.#rejections.delete(reject)
    }
  }

  /** Rejects those that wait, and all later ones. */
  rejectAll(reason: Error): void {
    this.#reason = reason
    for (const reject of this.#rejections) reject(reason)
  }
}
