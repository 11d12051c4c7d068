import type { CarefulStart } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import { leftOf, normally } from './open-claim.ts'
import type { LanePositions, OpenClaim, ProcessDeath, Window } from './progress.ts'

/** A claim of a partition beside which a process has died: what its lane is about to run is stored before it runs. */
export class CarefulClaim {
  readonly #forMs: number
  #deaths: readonly ProcessDeath[]
  /** Where the last process may have died; null: not known, or passed. */
  #suspects: Window | null
  /** What may run; null: nothing. */
  #window: Window | null = null
  #ranMs = 0

  /**
   * `forMs`: for how long its lane is to run before it is an ordinary claim again. Longer than what the dead one ran since
   * its last commit.
   */
  constructor({ deaths, window }: OpenClaim, forMs: number) {
    this.#forMs = forMs
    this.#deaths = deaths
    this.#suspects = window
  }

  /** Null for a claim that is an ordinary one. */
  static of(open: OpenClaim, forMs: number): CarefulClaim | null {
    return open.deaths.length === 0 ? null : new CarefulClaim(open, forMs)
  }

  /** What might have run when the last process died runs alone. */
  get start(): CarefulStart {
    return { aloneFrom: this.#suspects?.from ?? 0, aloneBelow: this.#suspects?.to ?? 0 }
  }

  /**
   * It has run for so long, is at `positions`, and is to go on at `from`, below which everything was taken or is not there: true
   * if it needs no care any more.
   */
  ran(ms: number, from: Offset, { frontiers, inHand }: LanePositions): boolean {
    this.#ranMs += ms
    this.#pass({ frontiers: [Math.max(from, Math.min(...frontiers))], inHand })
    return this.#suspects === null && this.#ranMs >= this.#forMs
  }

  announced(window: Window): void {
    this.#window = window
  }

  /** What was announced is over: nothing runs. */
  rest(): void {
    this.#window = null
  }

  /** What to store beside a progress with these positions. */
  openAt(positions: LanePositions): OpenClaim {
    const window = leftOf(this.#window, positions)
    if (window === null) this.#pass(positions)
    return {
      ...normally(),
      deaths: this.#deaths,
      window: window === null ? this.#suspects : this.#window,
      isAtRest: window === null,
    }
  }

  /** A death beyond those records is no longer one of theirs; that processes die is still known. */
  #pass(positions: LanePositions): void {
    if (this.#suspects === null) return
    this.#suspects = leftOf(this.#suspects, positions)
    if (this.#suspects === null) this.#deaths = this.#deaths.slice(-1)
  }
}
