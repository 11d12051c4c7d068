import type { Offset } from '../../shared/types.ts'

/** How long a suspect is run alone at first, with nothing else in hand on its thread. */
const ALONE_MS = 5_000
/** Twice as long after each further death that could not be explained; no longer than this. */
const MAX_ALONE_MS = 600_000

/** How often it could not be known whether the record at a lane's floor had ended its thread. */
export class Suspicion {
  #floor: Offset | null = null
  #deaths = 0

  /** It is under suspicion, once more or anew. Returns for how long it is to be run alone. */
  raise(floor: Offset): number {
    if (this.#floor !== floor) this.#deaths = 0
    this.#floor = floor
    const aloneMs = Math.min(MAX_ALONE_MS, ALONE_MS * 2 ** this.#deaths)
    this.#deaths += 1
    return aloneMs
  }
}
