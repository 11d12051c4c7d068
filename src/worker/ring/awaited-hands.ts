import type { Hand } from './hand.ts'

/** Records whose async handlers are under way, the oldest first. */
export class AwaitedHands implements Iterable<Hand> {
  #oldest: Hand | null = null
  #newest: Hand | null = null
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Null if there is none. */
  get oldestSinceMs(): number | null {
    return this.#oldest === null ? null : this.#oldest.awaitingSinceMs
  }

  /** Of the newest. Null if there is none. */
  get newestSinceMs(): number | null {
    return this.#newest === null ? null : this.#newest.awaitingSinceMs
  }

  /** It began later than all others. */
  add(hand: Hand): void {
    hand.older = this.#newest
    if (this.#newest === null) this.#oldest = hand
    else this.#newest.newer = hand
    this.#newest = hand
    this.#count += 1
  }

  delete(hand: Hand): void {
    if (hand.older === null) this.#oldest = hand.newer
    else hand.older.newer = hand.newer
    if (hand.newer === null) this.#newest = hand.older
    else hand.newer.older = hand.older
    hand.older = hand.newer = null
    this.#count -= 1
  }

  *[Symbol.iterator](): Iterator<Hand> {
    for (let hand = this.#oldest; hand !== null; hand = hand.newer) yield hand
  }
}
