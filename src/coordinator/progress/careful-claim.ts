import type { CarefulStart } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import { normally, windowFrom } from './open-claim.ts'
import type { OpenClaim, Window } from './progress.ts'

export interface CarefulRules {
  /** retry.attempts */
  readonly attempts: number
  /** For how long a lane is to run before its claim is an ordinary one again: longer than what a dead one ran without a commit. */
  readonly forMs: number
}

/** A claim of a partition beside which a process has died: what its lane is about to run is stored before it runs. */
export class CarefulClaim {
  readonly #rules: CarefulRules
  #deaths: number
  /** Where the last process may have died; null: not known, or passed. */
  #suspects: Window | null
  /** What may run; null: nothing. */
  #window: Window | null = null
  #ranMs = 0

  constructor({ deaths, window }: OpenClaim, rules: CarefulRules) {
    this.#rules = rules
    this.#deaths = deaths
    this.#suspects = window
  }

  /** Null for a claim that is an ordinary one. */
  static of(open: OpenClaim, rules: CarefulRules): CarefulClaim | null {
    return open.deaths === 0 ? null : new CarefulClaim(open, rules)
  }

  /** With so few attempts there is no death to spare for a window of several. */
  get start(): CarefulStart {
    if (this.#rules.attempts <= 2) return { aloneFrom: 0, aloneBelow: Infinity }
    return { aloneFrom: this.#suspects?.from ?? 0, aloneBelow: this.#suspects?.to ?? 0 }
  }

  /** The lane has run for so long, and is to go on at `from`: true if it needs no care any more. */
  ran(ms: number, from: Offset): boolean {
    this.#ranMs += ms
    this.#pass(from)
    return this.#suspects === null && this.#ranMs >= this.#rules.forMs
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
    if (this.#suspects === null) this.#deaths = 1
  }
}
