/** What runs alone while it is under suspicion. */
export interface SuspectLane {
  readonly canTake: boolean
  /** Since when an async handler of it runs; null if none does. */
  readonly awaitingSinceMs: number | null
  /** What it takes next may have ended its thread: it runs alone, for as long as this at most. 0: it is not suspected, or no longer. */
  readonly suspectForMs: number
  /** How many records of it are suspected. */
  readonly suspectsLeft: number
  /** The record that has its lone run, or would have it next, is not suspected any more. */
  trust(): void
  /** Told that it has to wait while another one runs alone, and when that is over. */
  setAside(isAside: boolean): void
}

/**
 * Records of which one may have ended its thread are run one at a time, with nothing else in hand on the thread, so that
 * the next death tells which it is. Each has its time, the wait for what is in hand included: nobody waits for ever for
 * one that does not settle.
 */
export class LoneRuns<Lane extends SuspectLane> {
  readonly #lanes: readonly Lane[]
  readonly #wake: () => void
  /** Lanes that came under suspicion; those that no longer are go when they are met. */
  readonly #suspects = new Set<Lane>()
  /** It waits for its lone run, or has it. */
  #current: Lane | null = null
  /** Records of it that were suspected when that began. */
  #left = 0
  #timer: NodeJS.Timeout | null = null

  /** `lanes`: all of the thread, as they come and go. `wake`: others may be able to run now. */
  constructor(lanes: readonly Lane[], wake: () => void) {
    this.#lanes = lanes
    this.#wake = wake
  }

  add(lane: Lane): void {
    if (lane.suspectForMs > 0) this.#suspects.add(lane)
  }

  /** A suspect has something to run, or runs: nothing else may. */
  isDue(): boolean {
    if (this.#suspects.size === 0) return false // almost always: nothing is looked at
    if (this.#current !== null && !isWithRecord(this.#current)) this.#end() // it was paused, or is to be drained
    this.#current ??= this.#begin()
    return this.#current !== null
  }

  /** While one is due: the lane that may take one record now; null if even that one has to wait for what is in hand. */
  get next(): Lane | null {
    const isFree = this.#lanes.every(lane => lane.awaitingSinceMs === null)
    return isFree && this.#current?.canTake === true ? this.#current : null
  }

  /** The lane has taken a record, or has settled one. */
  settle(lane: Lane): void {
    if (lane !== this.#current || lane.awaitingSinceMs !== null || lane.suspectsLeft === this.#left) return
    this.#over(lane)
  }

  /** The lane is gone. */
  remove(lane: Lane): void {
    this.#forget(lane)
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #begin(): Lane | null {
    for (const lane of this.#suspects) {
      if (lane.suspectForMs === 0) this.#suspects.delete(lane)
      else if (lane.canTake) return this.#start(lane)
    }
    return null
  }

  #start(suspect: Lane): Lane {
    for (const lane of this.#lanes) lane.setAside(lane !== suspect)
    this.#left = suspect.suspectsLeft
    this.#timer = setTimeout(() => {
      suspect.trust()
      this.#over(suspect)
    }, suspect.suspectForMs)
    return suspect
  }

  /** One record of it is not suspected any more; the next one has a time of its own. */
  #over(lane: Lane): void {
    if (lane.suspectsLeft === 0) this.#forget(lane)
    else this.#end()
  }

  #forget(lane: Lane): void {
    this.#suspects.delete(lane)
    if (lane === this.#current) this.#end()
  }

  #end(): void {
    this.stop()
    this.#current = null
    for (const lane of this.#lanes) lane.setAside(false)
    this.#wake()
  }
}

function isWithRecord(lane: SuspectLane): boolean {
  return lane.canTake || lane.awaitingSinceMs !== null
}
