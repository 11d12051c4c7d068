import { monotonicMs } from '../../shared/clock.ts'

/** A timer of Node counts whole milliseconds, and may end that much early. */
const EARLY_MS = 1

/** Records that wait for their next attempt, however many they are, with one timer. */
export class RetryWaits<Waiting> {
  readonly #over: (record: Waiting) => void
  /** With when each is run again: monotonic milliseconds. */
  readonly #waiting = new Map<Waiting, number>()
  #timer: NodeJS.Timeout | null = null
  /** When the timer ends. */
  #atMs = Infinity
  #isCancelled = false

  /** `over`: the record is to run now. It may wait again at once. */
  constructor(over: (record: Waiting) => void) {
    this.#over = over
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** Idempotent. */
  add(record: Waiting, atMs: number): void {
    if (this.#isCancelled || this.#waiting.has(record)) return
    this.#waiting.set(record, atMs)
    if (atMs < this.#atMs) this.#arm(atMs)
  }

  /** Nothing is waited for any more, now and later. Idempotent. */
  cancel(): void {
    this.#isCancelled = true
    this.#waiting.clear()
    this.#disarm()
  }

  #arm(atMs: number): void {
    this.#disarm()
    this.#atMs = atMs
    this.#timer = setTimeout(() => this.#look(), Math.max(0, atMs - monotonicMs()))
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#atMs = Infinity
  }

  #look(): void {
    this.#disarm()
    const dueMs = monotonicMs() + EARLY_MS
    const due: Waiting[] = []
    let nextMs = Infinity
    for (const [record, atMs] of this.#waiting) {
      if (atMs <= dueMs) due.push(record)
      else nextMs = Math.min(nextMs, atMs)
    }
    for (const record of due) this.#waiting.delete(record)
    if (nextMs < Infinity) this.#arm(nextMs)
    for (const record of due) this.#over(record)
  }
}
