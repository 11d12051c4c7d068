import { monotonicMs, wallMs } from '../../shared/clock.ts'
import type { Lease } from '../../shared/memory/group-memory.ts'
import { ClockStride } from '../clock-stride.ts'

/** Looks at the clocks during one turn of a seat, once per stride of records: is the turn over, or the lease? */
export class TurnClock {
  readonly #stride = new ClockStride()
  #untilMs = 0
  #lease: Lease = { monoMs: 0, wallMs: 0 }
  #isFirst = true
  #allowed = 0
  /** Since the last look. */
  #taken = 0
  #nowMs = 0

  /** The last look at the clock. */
  get nowMs(): number {
    return this.#nowMs
  }

  /**
   * When the record that was counted last began. The last look tells only if no other came behind it; else it is now, when its
   * handler has returned a promise: to look before each call would cost every sync record a clock.
   */
  get startedAtMs(): number {
    return this.#taken === 1 ? this.#nowMs : monotonicMs()
  }

  /** `lease`: as it was read, once per turn; that it grew meanwhile can wait. */
  begin(untilMs: number, lease: Lease): void {
    this.#untilMs = untilMs
    this.#lease = lease
    this.#isFirst = true
    this.#allowed = this.#taken = 0
  }

  /** Before every record; at least one may be taken, however late it is. */
  refusal(): 'more' | 'held' | null {
    return this.#taken === this.#allowed ? this.#look() : null
  }

  /** A record was taken. */
  count(): void {
    this.#taken += 1
  }

  #look(): 'more' | 'held' | null {
    const nowMs = (this.#nowMs = monotonicMs())
    if (!this.#isFirst && nowMs >= this.#untilMs) return 'more'
    if (nowMs >= this.#lease.monoMs || wallMs() >= this.#lease.wallMs) return 'held'
    this.#allowed = this.#isFirst ? this.#stride.restart(nowMs) : this.#stride.next(nowMs, this.#taken)
    this.#taken = 0
    this.#isFirst = false
    return null
  }
}
