import { monotonicMs } from '../../../shared/clock.ts'
import { PatientTimer } from '../../../shared/patient-timer.ts'

/** How often it is looked whether this process is awake. */
const LOOKS_PER_LIMIT = 8

/**
 * Tells when nothing was heard for too long. Counts only time in which this process was awake: while it stood still it
 * sent no pings, so the server had nothing to answer.
 */
export class SilenceWatch {
  readonly #timer = new PatientTimer(() => this.#look())
  readonly #onSilent: () => void
  #limitMs = 0
  #silentMs = 0
  #countedUntilMs = 0

  constructor(onSilent: () => void) {
    this.#onSilent = onSilent
  }

  begin(limitMs: number): void {
    this.#limitMs = limitMs
    this.heard()
    this.#timer.arm(this.#lookMs)
  }

  heard(): void {
    this.#silentMs = 0
    this.#countedUntilMs = monotonicMs()
  }

  end(): void {
    this.#timer.clear()
  }

  get #lookMs(): number {
    return this.#limitMs / LOOKS_PER_LIMIT
  }

  #look(): void {
    const nowMs = monotonicMs()
    this.#silentMs += Math.min(nowMs - this.#countedUntilMs, 2 * this.#lookMs)
    this.#countedUntilMs = nowMs
    const leftMs = this.#limitMs - this.#silentMs
    if (leftMs <= 0) this.#onSilent()
    else this.#timer.arm(Math.min(leftMs, this.#lookMs))
  }
}
