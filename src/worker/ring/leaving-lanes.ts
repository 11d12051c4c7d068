const TICK_MS = 500
/** Ticks for which a lane is closed at first so that it becomes free; as long it is open then. Twice as long each further time. */
const FIRST_TICKS = 2
/** It was closed for so long in vain: something of it hangs, and it is left as it is. */
const MAX_TICKS = 32

/**
 * Lanes of which a seat takes nothing any more, so that others get them once nothing of them is in hand. One whose records
 * take long is opened again: they may hang, and hold up no more than their keys. Its clock is one timer, while there are such lanes.
 */
export class LeavingLanes {
  readonly #opened: (lane: number) => void
  /** Positive: it is leaving for so many ticks; negative: it is not to leave for so many. */
  readonly #ticks: Int8Array
  /** For which it left last; 0: it has not since it was held. */
  readonly #lastTicks: Uint8Array
  #count = 0
  #timer: NodeJS.Timeout | undefined

  /** `opened`: it may be taken from again. */
  constructor(lanes: number, opened: (lane: number) => void) {
    this.#opened = opened
    this.#ticks = new Int8Array(lanes)
    this.#lastTicks = new Uint8Array(lanes)
  }

  /** That are leaving. */
  get count(): number {
    return this.#count
  }

  has(lane: number): boolean {
    return this.#ticks[lane]! > 0
  }

  /** It is not leaving, and not known for records that take long. */
  mayAdd(lane: number): boolean {
    return this.#ticks[lane] === 0 && this.#lastTicks[lane]! < MAX_TICKS
  }

  /** Only if `mayAdd`. */
  add(lane: number): void {
    const last = this.#lastTicks[lane]!
    this.#ticks[lane] = this.#lastTicks[lane] = last === 0 ? FIRST_TICKS : last * 2
    this.#count += 1
    this.#timer ??= this.#arm()
  }

  /** It is not to leave now. */
  delete(lane: number): void {
    if (this.has(lane)) this.#count -= 1
    this.#ticks[lane] = 0
  }

  /** It is free. */
  forget(lane: number): void {
    this.delete(lane)
    this.#lastTicks[lane] = 0
  }

  #arm(): NodeJS.Timeout {
    return setTimeout(() => this.#tick(), TICK_MS).unref() // it ends by itself, and keeps no thread
  }

  #tick(): void {
    const opened: number[] = []
    for (const [lane, ticks] of this.#ticks.entries()) {
      this.#ticks[lane] = ticks - Math.sign(ticks)
      if (ticks === 1) opened.push(lane)
    }
    for (const lane of opened) this.#ticks[lane] = -this.#lastTicks[lane]!
    this.#count -= opened.length
    this.#timer = this.#ticks.some(ticks => ticks !== 0) ? this.#arm() : undefined
    for (const lane of opened) this.#opened(lane)
  }
}
