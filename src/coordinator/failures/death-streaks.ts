/** So many deaths in a row, with nothing to show for them, and the group is given up. */
const MAX_DEATHS = 5

/** Counts the deaths of the threads of each place that brought nothing: no record finished, and nobody found guilty. */
export class DeathStreaks {
  readonly #counts = new Map<number, number>()

  /** A thread of this place died. True if it was one time too many. */
  died(threadId: number, hasAdvanced: boolean): boolean {
    const count = hasAdvanced ? 0 : (this.#counts.get(threadId) ?? 0) + 1
    this.#counts.set(threadId, count)
    return count >= MAX_DEATHS
  }
}
