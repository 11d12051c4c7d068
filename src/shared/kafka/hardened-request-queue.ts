import { monotonicMs } from '../clock.ts'
import { PatientTimer } from '../patient-timer.ts'
import {
  RequestQueue,
  type KafkajsRequestQueueOptions,
  type KafkajsSocketRequest,
} from './kafkajs-internals.ts'

export interface HardenedRequestQueueOptions extends KafkajsRequestQueueOptions {
  /** The oldest request got no answer in its time. */
  readonly onTimeout: (request: KafkajsSocketRequest, waitedMs: number) => void
}

/**
 * kafkajs's queue of requests on one connection, with timers only while there is something to wait for.
 *
 * kafkajs checks for timeouts ten times a second, and after the first answer for throttled requests every
 * millisecond, for ever (its issues 1556 and 1704). Its timeouts also hit answers that arrived while the event loop
 * was blocked (issue 480), and its clocks jump with the wall clock.
 */
export class HardenedRequestQueue extends RequestQueue {
  readonly #onTimeout: HardenedRequestQueueOptions['onTimeout']
  /** A broker answers one request after the other: the oldest waits since it was sent or since the one before was answered. */
  #progressAtMs = 0
  readonly #deadline = new PatientTimer(() => this.#judge())
  #throttledUntilMs = 0
  #throttleTimer: NodeJS.Timeout | undefined

  constructor(options: HardenedRequestQueueOptions) {
    super(options)
    this.#onTimeout = options.onTimeout
  }

  /** Bytes arrived: what the broker is sending is not late. */
  progressed(): void {
    this.#progressAtMs = monotonicMs()
  }

  /** kafkajs starts its interval here; ours starts with a request. */
  override scheduleRequestTimeoutCheck(): void {}

  override sendSocketRequest(request: KafkajsSocketRequest): void {
    if (this.inflight.size === 0) this.progressed()
    super.sendSocketRequest(request)
    if (!this.#deadline.isArmed) this.#deadline.arm(request.requestTimeout)
  }

  override maybeThrottle(throttleMs: number | null | undefined): void {
    if (typeof throttleMs !== 'number' || throttleMs <= 0) return
    this.#throttledUntilMs = Math.max(this.#throttledUntilMs, monotonicMs() + throttleMs)
  }

  override canSendSocketRequestImmediately(): boolean {
    return monotonicMs() >= this.#throttledUntilMs
  }

  override scheduleCheckPendingRequests(): void {
    if (this.#throttleTimer !== undefined || this.pending.length === 0) return
    this.#throttleTimer = setTimeout(() => {
      this.#throttleTimer = undefined
      this.checkPendingRequests()
    }, this.#throttledUntilMs - monotonicMs())
  }

  override destroy(): void {
    this.#deadline.clear()
    clearTimeout(this.#throttleTimer)
    this.#throttleTimer = undefined
  }

  #judge(): void {
    const [oldest] = this.inflight.values()
    if (oldest === undefined) return // nothing waits; the next request starts the timer
    const waitedMs = monotonicMs() - this.#progressAtMs
    if (waitedMs >= oldest.requestTimeout) this.#onTimeout(oldest, waitedMs)
    else this.#deadline.arm(oldest.requestTimeout - waitedMs)
  }
}
