import { monotonicMs } from '../../shared/clock.ts'
import { PatientTimer } from '../../shared/patient-timer.ts'

/** A lane as its deadline sees it. */
export interface TimedLane {
  /** Since when an async handler of it is awaited; null if none is. */
  readonly awaitingSinceMs: number | null
  readonly isTimedOut: boolean
  /** The attempt is to give up. */
  timeOut(): void
}

/**
 * The one timer of a thread that looks whether async handlers have taken too long. It is set to the earliest deadline when a
 * handler begins to be awaited while it is not set, so a handler that is soon done costs none: when the timer ends, it looks
 * what is awaited then. A handler that blocks the thread hears nothing; that is the coordinator's business.
 */
export class DeadlineTimer {
  readonly #timeoutMs: number | null
  readonly #lanes: () => Iterable<TimedLane>
  /** Patient: a handler whose answer came while another blocked the thread is not late. */
  readonly #timer = new PatientTimer(() => this.#look())
  #isStopped = false

  /** `timeoutMs` null: there is no deadline. */
  constructor(timeoutMs: number | null, lanes: () => Iterable<TimedLane>) {
    this.#timeoutMs = timeoutMs
    this.#lanes = lanes
  }

  /** An async handler is awaited from now on. */
  awaits(): void {
    if (this.#timeoutMs !== null && !this.#timer.isArmed && !this.#isStopped) this.#timer.arm(this.#timeoutMs)
  }

  /** Idempotent. */
  stop(): void {
    this.#isStopped = true
    this.#timer.clear()
  }

  #look(): void {
    const nowMs = monotonicMs()
    let nextMs = Infinity
    for (const lane of [...this.#lanes()]) {
      if (lane.awaitingSinceMs === null || lane.isTimedOut) continue
      const deadlineMs = lane.awaitingSinceMs + this.#timeoutMs!
      if (deadlineMs <= nowMs) lane.timeOut()
      else nextMs = Math.min(nextMs, deadlineMs)
    }
    if (nextMs < Infinity && !this.#isStopped) this.#timer.arm(nextMs - nowMs)
  }
}
