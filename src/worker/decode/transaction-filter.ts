import type { Offset } from '../../shared/types.ts'
import type { BatchHeader } from './batch-header.ts'

/** A producer's transaction that was aborted: its records from `firstOffset` to its abort marker are not visible. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: Offset
}

/**
 * Tells which batches belong to aborted transactions, as Kafka's CompletedFetch does: on every batch, first take in
 * the aborted transactions that began at or below its last offset, and only then look at what the batch is. Looking
 * at a marker first would leave the producer in the set and hide its next, committed transaction.
 */
export class TransactionFilter {
  readonly #aborted: readonly AbortedTransaction[]
  readonly #producers = new Set<bigint>()
  #taken = 0

  /** The broker promises no order of the list. */
  constructor(aborted: readonly AbortedTransaction[]) {
    this.#aborted = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Before anything else is done with a batch. */
  meet(lastOffset: Offset): void {
    for (; this.#taken < this.#aborted.length; this.#taken++) {
      const next = this.#aborted[this.#taken]!
      if (next.firstOffset > lastOffset) return
      this.#producers.add(next.producerId)
    }
  }

  hides(batch: BatchHeader): boolean {
    return batch.isTransactional && this.#producers.size > 0 && this.#producers.has(batch.producerId())
  }

  /** The marker that ends an aborted transaction of its producer was met. */
  endAborted(producerId: bigint): void {
    this.#producers.delete(producerId)
  }
}
