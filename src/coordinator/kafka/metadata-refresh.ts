import { setTimeout as delay } from 'node:timers/promises'
import { Backoff } from '../../shared/backoff.ts'
import { monotonicMs } from '../../shared/clock.ts'

/** Between two refreshes; grows while one follows the other. */
const PAUSE = { initialMs: 100, maxMs: 1000 }

/** Runs `refresh` once for all who ask at the same time, and never in a tight loop. */
export class MetadataRefresh {
  readonly #refresh: () => Promise<void>
  readonly #signal: AbortSignal
  readonly #pause = new Backoff(PAUSE)
  #lastEndMs = Number.NEGATIVE_INFINITY
  #running: Promise<void> | null = null

  constructor(refresh: () => Promise<void>, signal: AbortSignal) {
    this.#refresh = refresh
    this.#signal = signal
  }

  /** Joins the refresh that is waiting or under way, or begins one. Rejects as `refresh` does, or when the signal aborts. */
  run(): Promise<void> {
    return (this.#running ??= this.#runOnce().finally(() => {
      this.#lastEndMs = monotonicMs()
      this.#running = null
    }))
  }

  /** Settles when nothing is under way. Never rejects: whoever asked hears of the failure. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => {})
  }

  async #runOnce(): Promise<void> {
    const sinceLastMs = monotonicMs() - this.#lastEndMs
    if (sinceLastMs > PAUSE.maxMs) this.#pause.reset()
    else
      await delay(Math.max(0, this.#pause.nextDelayMs() - sinceLastMs), undefined, { signal: this.#signal })
    await this.#refresh()
  }
}
