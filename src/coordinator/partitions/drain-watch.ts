import type { DrainPatience } from './drain-patience.ts'
import type { OwnedPartition } from './owned-partition.ts'

type Drained = Pick<OwnedPartition, 'abortSignal'>

export interface DrainWatchHost {
  /** What keeps its threads from hearing are handlers of other partitions, as far as can be told. */
  isBlockedByOther(): boolean
  /** Told again while it goes on. */
  cut(): void
}

/**
 * Watches over the end of a partition's work: after a while its handlers are told to give up, and are cut if they go on.
 *
 * What is at work on this very partition is cut. While a handler of another partition blocks the thread, nobody there hears
 * of the drain, and ending the thread would hurt the other one: that is put off for as long as the group can wait. Whether
 * the thread hears is known from its answer to the abort, and who blocks it from shared memory.
 */
export class DrainWatch {
  readonly #partition: Drained
  readonly #reason: string
  readonly #settleMs: number
  readonly #host: DrainWatchHost
  /** How long another handler is still spared. */
  #spareMs: number
  #timer: NodeJS.Timeout
  #hasHeard = false
  #isOver = false

  constructor(partition: Drained, reason: string, patience: DrainPatience, host: DrainWatchHost) {
    this.#partition = partition
    this.#reason = reason
    this.#settleMs = patience.cutAfterMs - patience.abortAfterMs
    this.#host = host
    this.#spareMs = patience.sparesOthersForMs
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
    const isSpared = !this.#hasHeard && this.#spareMs > 0 && this.#host.isBlockedByOther()
    this.#spareMs -= this.#settleMs
    if (!isSpared) this.#host.cut()
    this.#lookLater() // of several threads the others may have been spared
  }
}
