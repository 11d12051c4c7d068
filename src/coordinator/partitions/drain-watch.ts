import type { DrainPatience } from './drain-patience.ts'
import type { OwnedPartition } from './owned-partition.ts'

type Drained = Pick<OwnedPartition, 'abortSignal' | 'hasSliceInHand'>

/**
 * Watches over the end of a partition's lane: after a while its handler is told to give up, and is cut if it goes on.
 *
 * Only what is at work on this very partition is cut. While a handler of another partition blocks the thread, nobody there
 * hears of the drain, and ending the thread would hurt the other one only. Whether the thread hears is known from its answer
 * to the abort; that a sync handler of this partition blocks it, from shared memory.
 */
export class DrainWatch {
  readonly #partition: Drained
  readonly #reason: string
  readonly #settleMs: number
  readonly #cut: () => void
  #timer: NodeJS.Timeout
  #hasHeard = false
  #isOver = false

  constructor(partition: Drained, reason: string, patience: DrainPatience, cut: () => void) {
    this.#partition = partition
    this.#reason = reason
    this.#settleMs = patience.cutAfterMs - patience.abortAfterMs
    this.#cut = cut
    this.#timer = setTimeout(() => this.#abort(), patience.abortAfterMs)
  }

  /** Idempotent. */
  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #abort(): void {
    this.#lookLater()
    const heard = (): void => this.#heard()
    this.#partition.abortSignal(this.#reason).then(heard, heard) // also of a thread that could not be asked: it has to go
  }

  #heard(): void {
    if (this.#isOver) return // it ended while the thread was asked
    this.#hasHeard = true
    this.#lookLater() // from now on the handler has its time
  }

  #lookLater(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), this.#settleMs)
  }

  #look(): void {
    if (this.#hasHeard || this.#partition.hasSliceInHand) this.#cut()
    else this.#lookLater()
  }
}
