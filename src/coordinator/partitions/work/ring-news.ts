import type { ErrorWire } from '../../../shared/error-wire.ts'
import type { RecordInHand } from '../../../shared/memory/remainder-memory.ts'
import type { SeatStart } from '../../../shared/protocol.ts'
import type { Offset } from '../../../shared/types.ts'
import { Suspicion } from '../../failures/suspicion.ts'

/** What the thread that takes a seat has to know of those before it. */
type SeatNews = Pick<SeatStart, 'lastFailures' | 'suspects'>

interface Known {
  /** Those that had failed: what is known holds as long as none does since. */
  readonly attempts: number
  readonly error: ErrorWire | null
  /** 0: it is not suspected. */
  readonly suspectForMs: number
}

/** So many records may be known of before it is looked which of them are still in hand. */
const FORGET_FROM = 256

/** What failed attempts and deaths leave the records in hand of a ring with, besides its memory. */
export class RingNews {
  readonly #known = new Map<Offset, Known>()
  readonly #suspicions = new Map<Offset, Suspicion>()
  readonly #inHand: () => readonly RecordInHand[]
  #forgetFrom = FORGET_FROM

  /** `inHand`: all that is in hand now. */
  constructor(inHand: () => readonly RecordInHand[]) {
    this.#inHand = inHand
  }

  /** What failed the last attempt of the record, should another thread have to tell it. */
  failed({ offset, attempts }: RecordInHand, error: ErrorWire): void {
    this.#known.set(offset, { attempts, error, suspectForMs: 0 })
    if (this.#known.size < this.#forgetFrom) return
    this.#forgetAllBut(this.#inHand())
    this.#forgetFrom = Math.max(FORGET_FROM, 2 * this.#known.size) // seldom, however many are in hand
  }

  /** It ran on a thread that has exited, and may be why. */
  suspect({ offset, attempts }: RecordInHand): void {
    const suspicion = this.#suspicions.get(offset) ?? new Suspicion()
    this.#suspicions.set(offset, suspicion)
    const error = this.#of({ offset, attempts })?.error ?? null
    this.#known.set(offset, { attempts, error, suspectForMs: suspicion.raise(offset) })
  }

  /** For a seat that has some of what is in hand: others run what it does not know of. */
  forSeat(inHand: readonly RecordInHand[], ofSeat: readonly RecordInHand[]): SeatNews {
    this.#forgetAllBut(inHand)
    return {
      lastFailures: inHand.flatMap(record => {
        const error = this.#of(record)?.error ?? null
        return error === null ? [] : [{ offset: record.offset, error }]
      }),
      suspects: ofSeat.flatMap(record => {
        const forMs = this.#of(record)?.suspectForMs ?? 0
        return forMs === 0 ? [] : [{ offset: record.offset, forMs }]
      }),
    }
  }

  #of({ offset, attempts }: RecordInHand): Known | undefined {
    const known = this.#known.get(offset)
    return known?.attempts === attempts ? known : undefined
  }

  #forgetAllBut(inHand: readonly RecordInHand[]): void {
    const offsets = new Set(inHand.map(({ offset }) => offset))
    for (const known of [this.#known, this.#suspicions])
      for (const offset of known.keys()) if (!offsets.has(offset)) known.delete(offset)
  }
}
