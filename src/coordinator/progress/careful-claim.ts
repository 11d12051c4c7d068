import type { RecordInHand } from '../../shared/memory/remainder-memory.ts'
import type { Announcement, CarefulStart } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import { leftOf, normally } from './open-claim.ts'
import type { LanePositions, OpenClaim, ProcessDeath, Progress, Window } from './progress.ts'

/** A suspect of a ring runs alone for so long; then it hangs, and is waited for no longer. */
const ALONE_MS = 5_000
/** Twice as long after each further death; no longer than this. */
const MAX_ALONE_MS = 600_000
/** At the first of them nobody is suspected. */
const FIRST_DEATHS = 2

type WorkedPositions = Pick<Progress, 'ordering'> & LanePositions

/** A claim of a partition beside which a process has died: what it is about to run is stored before it runs. */
export class CarefulClaim {
  readonly #forMs: number
  #deaths: readonly ProcessDeath[]
  /** Where the last process may have died; null: not known, or passed. */
  #suspects: Window | null
  /** What ran then for longer than the window. */
  #suspectsInHand: readonly Offset[]
  /** The end of what was suspected at first. */
  readonly #suspectsEnd: Offset
  /** What may run; null: nothing. */
  #window: Window | null = null
  #ranMs = 0

  /**
   * `forMs`: for how long it is to run before it is an ordinary claim again. Longer than what the dead one ran since its
   * last commit. `inHand`: of the claim, where a record may have run on when the next window was announced.
   */
  constructor({ deaths, window }: OpenClaim, forMs: number, inHand: readonly RecordInHand[] = []) {
    this.#forMs = forMs
    this.#deaths = deaths
    this.#suspects = window
    this.#suspectsInHand = inHandBeside(window, inHand)
    this.#suspectsEnd = window?.to ?? 0
  }

  /** Null for a claim that is an ordinary one. */
  static of({ open, ordering, inHand }: Progress, forMs: number): CarefulClaim | null {
    if (open === null || open.deaths.length === 0) return null
    return new CarefulClaim(open, forMs, ordering === 'partition' ? [] : inHand)
  }

  /** What might have run when the last process died runs alone. */
  get start(): CarefulStart {
    return {
      aloneFrom: this.#suspects?.from ?? 0,
      aloneBelow: this.#suspects?.to ?? 0,
      aloneInHand: this.#suspectsInHand,
      aloneForMs: Math.min(MAX_ALONE_MS, ALONE_MS * 2 ** Math.max(0, this.#deaths.length - FIRST_DEATHS)),
    }
  }

  /** It asks for this, and is at `positions`. True if it needs no care any more. */
  ran({ ranMs, from, isAlone, hasSuspects }: Announcement, { frontiers, inHand }: LanePositions): boolean {
    this.#ranMs += ranMs
    // It runs suspects before what comes behind them: those that are left wait for others, and could not have run then either.
    // Some may stand in a lane that one key has filled: to wait for these would keep all on one thread for as long as that key
    // hangs. One that kills is found some deaths later.
    if (!isAlone && !hasSuspects && from >= this.#suspectsEnd) this.#suspect(null, [])
    else this.#pass({ frontiers: [Math.max(from, Math.min(...frontiers))], inHand })
    return this.#isPast && this.#ranMs >= this.#forMs
  }

  announced(window: Window): void {
    this.#window = window
  }

  /** What was announced alone is alone no longer, but in hand. */
  goesOn(): void {
    // What is in hand is suspected anyway, but not before what runs in the newest window: that one is empty from here on.
    if (this.#window !== null) this.#window = behind(this.#window)
  }

  /** What was announced is over: nothing runs. */
  rest(): void {
    this.#window = null
  }

  /** What to store beside a progress with these positions. */
  openAt({ ordering, ...positions }: WorkedPositions): OpenClaim {
    // In a ring what is in hand may run on when its window is passed.
    const runsOn = ordering !== 'partition' && positions.inHand.length > 0
    const isAtRest = this.#window === null || (leftOf(this.#window, positions) === null && !runsOn)
    if (isAtRest) this.#pass(positions)
    const window = isAtRest ? (this.#suspects ?? newestOf(this.#suspectsInHand)) : this.#window
    return { ...normally(), deaths: this.#deaths, window, isAtRest }
  }

  get #isPast(): boolean {
    return this.#suspects === null && this.#suspectsInHand.length === 0
  }

  #pass(positions: LanePositions): void {
    const inHand = new Set(positions.inHand.map(({ offset }) => offset)) // thousands, on both sides
    const left = this.#suspectsInHand.filter(offset => inHand.has(offset))
    this.#suspect(leftOf(this.#suspects, positions), left)
  }

  #suspect(window: Window | null, inHand: readonly Offset[]): void {
    // A death beyond those records is no longer one of theirs; that processes die is still known.
    if (!this.#isPast && window === null && inHand.length === 0) this.#deaths = this.#deaths.slice(-1)
    this.#suspects = window
    this.#suspectsInHand = inHand
  }
}

/** One that was alone had nothing beside it. */
function inHandBeside(window: Window | null, inHand: readonly RecordInHand[]): Offset[] {
  if (window === null || window.isAlone) return []
  return inHand.map(({ offset }) => offset).filter(offset => offset < window.from || offset >= window.to)
}

function behind({ to }: Window): Window {
  return { from: to, to: to + 1, isAlone: false }
}

/** The others are in hand beside it. */
function newestOf(offsets: readonly Offset[]): Window | null {
  const newest = offsets.at(-1)
  return newest === undefined ? null : { from: newest, to: newest + 1, isAlone: false }
}
