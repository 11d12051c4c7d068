/** Does something again and again, from `start` to `stop`. */
export class Ticker {
  readonly #intervalMs: number
  readonly #tick: () => void
  #timer: NodeJS.Timeout | null = null

  constructor(intervalMs: number, tick: () => void) {
    this.#intervalMs = intervalMs
    this.#tick = tick
  }

  /** Idempotent. */
  start(): void {
    this.#timer ??= setInterval(this.#tick, this.#intervalMs)
  }

  /** Idempotent. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}
