import type { ErrorWire } from '../../shared/error-wire.ts'
import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { RecordInHand } from '../../shared/memory/remainder-memory.ts'
import type { LaneStart } from '../../shared/protocol.ts'
import { Suspicion } from './suspicion.ts'

/** What the thread that goes on with a lane has to know of the one before. */
type LaneNews = Pick<LaneStart, 'lastFailure' | 'suspectForMs'>

const NO_NEWS: LaneNews = { lastFailure: null, suspectForMs: 0 }

/** What a death leaves a lane with, besides its memory: as long as nothing has changed there since. */
export class Aftermath {
  readonly #suspicion = new Suspicion()
  /** The record at the floor, with its failed attempts, and what is known of it. */
  #known: { readonly at: RecordInHand; readonly news: LaneNews } | null = null

  /** What failed the last attempt of the record, should another thread have to tell it. */
  failed({ offset, attempts }: RecordInHand, lastFailure: ErrorWire): void {
    this.#known = { at: { offset, attempts }, news: { lastFailure, suspectForMs: 0 } }
  }

  /** What the lane had in hand may be why its thread has ended. */
  suspect(memory: LaneMemory): void {
    const { lastFailure } = this.of(memory)
    const at = firstOf(memory)
    this.#known = { at, news: { lastFailure, suspectForMs: this.#suspicion.raise(at.offset) } }
  }

  /** What is to be known of the lane as it is now. */
  of(memory: LaneMemory): LaneNews {
    const { offset, attempts } = firstOf(memory)
    const { at, news } = this.#known ?? { at: null, news: NO_NEWS }
    return at?.offset === offset && at.attempts === attempts ? news : NO_NEWS
  }
}

function firstOf(memory: LaneMemory): RecordInHand {
  const { floor, attempts } = memory.read()
  return { offset: floor, attempts }
}
