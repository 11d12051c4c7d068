import { setTimeout as delay } from 'node:timers/promises'
import { retryDelayMs } from './retry-delay.ts'

const UPPER_HALF = 0.5

export interface BackoffOptions {
  readonly initialMs: number
  readonly maxMs: number
}

/** Delays that double up to a cap, each spread evenly over its upper half so that many waiters do not meet. */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #random: () => number
  #attempt = 0

  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.#options = options
    this.#random = random
  }

  nextDelayMs(): number {
    const { initialMs, maxMs } = this.#options
    this.#attempt += 1
    const settings = { backoffMs: initialMs, maxBackoffMs: maxMs, jitter: UPPER_HALF }
    return retryDelayMs(settings, this.#attempt, () => 1 - this.#random())
  }

  reset(): void {
    this.#attempt = 0
  }

  /** Waits for the next delay; rejects with the signal's reason when it aborts. */
  async wait(signal?: AbortSignal): Promise<void> {
    await delay(this.nextDelayMs(), undefined, signal === undefined ? {} : { signal })
  }
}
