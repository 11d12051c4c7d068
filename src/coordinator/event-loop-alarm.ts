import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'

const RESOLUTION_MS = 20
const LOOK_EVERY_MS = 1000

/**
 * Watches the thread of the coordinator, which it shares with the user's program: a loop blocked for long costs the
 * member its session. Calls `alarm` with the worst delay since the last look, if it exceeds the limit.
 */
export class EventLoopAlarm {
  readonly #limitMs: () => number
  readonly #alarm: (delayMs: number, limitMs: number) => void
  #histogram: IntervalHistogram | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(limitMs: () => number, alarm: (delayMs: number, limitMs: number) => void) {
    this.#limitMs = limitMs
    this.#alarm = alarm
  }

  start(): void {
    if (this.#timer !== null) return
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#histogram.enable()
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#histogram?.disable()
    this.#histogram = null
  }

  #look(): void {
    if (this.#histogram === null) return
    const delayMs = this.#histogram.max / 1e6 - RESOLUTION_MS // the histogram counts the timer's own interval too
    this.#histogram.reset()
    if (delayMs > this.#limitMs()) this.#alarm(delayMs, this.#limitMs())
  }
}
