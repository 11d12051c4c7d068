/** Handler starts on the strength of one look at the clock may take this much work, and no more records than this. */
const MAX_UNWATCHED_MS = 0.1
const MAX_STRIDE = 16

/**
 * How many records may start before the clock is read again. Reading both clocks costs about a third of a whole
 * record's budget, so a fast handler reads them once per stride; as soon as records are slow they are read before
 * each one. A stride grows by doubling and shrinks at once: one slow stride among fast ones is enough.
 * docs/decisions/0002-clock-stride.md has the numbers, and what may happen within a stride.
 */
export class ClockStride {
  #stride = 1
  #startedAtMs = 0

  /** A stride begins after a pause of unknown length: nothing is learned from it. */
  restart(nowMs: number): number {
    this.#startedAtMs = nowMs
    return this.#stride
  }

  /** The last stride ended at `nowMs`, having taken `records`: how many the next one may. */
  next(nowMs: number, records: number): number {
    const fitting = Math.floor(
      (MAX_UNWATCHED_MS * records) / Math.max(nowMs - this.#startedAtMs, Number.EPSILON),
    )
    this.#stride = Math.max(1, Math.min(fitting, this.#stride * 2, MAX_STRIDE))
    this.#startedAtMs = nowMs
    return this.#stride
  }
}
