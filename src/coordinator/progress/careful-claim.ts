import type { CarefulStart } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import { normally, windowFrom } from './open-claim.ts'
import type { OpenClaim, ProcessDeath, Window } from './progress.ts'

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

  /** The lane has run for so long, and is to go on at `from`: true if it needs no care any more. */
  ran(ms: number, from: Offset): boolean {
    this.#ranMs += ms
    this.#pass(from)
    return this.#suspects === null && this.#ranMs >= this.#forMs
  }

  announced(window: Window): void {
    this.#window = window
  }

  /** What was announced is over: nothing runs. */
  rest(): void {
    this.#window = null
  }

  /** What to store beside a progress with this committable offset. */
  openAt(committable: Offset): OpenClaim {
    const window = windowFrom(this.#window, committable)
    if (window === null) this.#pass(committable)
    return {
      ...normally(),
      deaths: this.#deaths,
      window: window === null ? this.#suspects : this.#window,
      isAtRest: window === null,
    }
  }

  /** A death beyond those records is no longer one of theirs; that processes die is still known. */
  #pass(offset: Offset): void {
    if (this.#suspects === null) return
    this.#suspects = windowFrom(this.#suspects, offset)
    if (this.#suspects === null) this.#deaths = this.#deaths.slice(-1)
  }
}
