import type { Hand } from './hand.ts'

/** Records in hand one of which may have ended the thread before: each is run alone. */
export class SuspectRecords {
  /** With how long nobody runs beside it, at most. */
  readonly #forMs = new Map<Hand, number>()

  get left(): number {
    return this.#forMs.size
  }

  /** Of the one that runs, or is next; 0 if none is left. */
  get forMs(): number {
    return this.#forMs.get(this.#current!) ?? 0
  }

  /** The one that may run now, if it is ready. */
  get ready(): Hand | null {
    for (const hand of this.#forMs.keys()) if (hand.state === 'ready') return hand
    return null
  }

  add(hand: Hand, forMs: number): void {
    this.#forMs.set(hand, forMs)
  }

  /** An attempt of it has ended, or it is out of hand. */
  over(hand: Hand): void {
    if (this.#forMs.size > 0) this.#forMs.delete(hand)
  }

  /** See SuspectLane. */
  trust(): void {
    this.#forMs.delete(this.#current!)
  }

  get #current(): Hand | undefined {
    const hands = [...this.#forMs.keys()]
    return hands.find(hand => hand.awaitingSinceMs !== null) ?? this.ready ?? hands[0]
  }
}
