import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { RecordInHand } from '../../shared/memory/remainder-memory.ts'
import type { Offset } from '../../shared/types.ts'

/**
 * What a lane has not finished below its frontier, and how often its attempts failed: the worker's copy of the remainder in
 * the lane's memory, and the order in which the memory is written. Records end in the order of their offsets; those that
 * failed stay.
 */
export class Unfinished {
  readonly #memory: LaneMemory
  #frontier: Offset
  #inHand: readonly RecordInHand[]
  #passed: Offset

  constructor(memory: LaneMemory) {
    const remainder = memory.remainder
    this.#memory = memory
    this.#frontier = remainder?.frontier ?? 0
    this.#inHand = remainder?.inHand ?? []
    this.#passed = memory.floor
  }

  /** Of a record below it something is known; of those beyond nothing, as none of them was run. */
  get frontier(): Offset {
    return this.#frontier
  }

  /** Attempts that failed of a record below the frontier; null if it is finished. */
  attemptsOf(offset: Offset): number | null {
    return this.#inHand.find(record => record.offset === offset)?.attempts ?? null
  }

  /** Everything below `end` was run or is gone; of that, `failed` is left, in order, and the rest is finished. */
  settle(failed: readonly RecordInHand[], end: Offset): void {
    const behind = this.#inHand.filter(({ offset }) => offset >= end)
    const isLevel = failed.length === 0 && behind.length === 0
    this.#frontier = Math.max(this.#frontier, end)
    this.#inHand = [...failed, ...behind]
    if (isLevel) this.#memory.advanceFloor(this.#frontier)
    // What is behind stands in the memory already: the floor alone tells that what came before it is finished.
    else if (failed.length === 0) this.#memory.advanceFloor(end)
    // One store for what is finished and what is not, and the floor stays below: moved first, it would pass the ones that
    // failed for as long as nothing names them, and a commit or a death of the thread in between would lose them.
    else this.#memory.setRemainder({ frontier: this.#frontier, inHand: this.#inHand })
  }

  /** Of those in hand that it is true of, no attempt has failed any more. */
  forgive(isForgiven: (record: RecordInHand) => boolean): void {
    this.#inHand = this.#inHand.map(one => (isForgiven(one) ? { offset: one.offset, attempts: 0 } : one))
    this.#memory.setRemainder({ frontier: this.#frontier, inHand: this.#inHand })
  }

  /** Everything below `offset` was taken, and what of it is not finished is in hand below the frontier. */
  passed(offset: Offset): void {
    if (offset < this.#passed) this.#startOver(offset)
    this.#passed = offset
    // Not below the frontier: the floor is there already, or waits for a record in hand.
    if (offset >= this.#frontier) this.#memory.advanceFloor(offset)
  }

  /** The log was cut off there and has grown again: what it holds beyond is new. */
  #startOver(offset: Offset): void {
    this.#frontier = offset
    this.#inHand = []
    // Before the floor goes back: the remainder there was would hold again, and say that all below its frontier is finished.
    this.#memory.setRemainder({ frontier: offset, inHand: [] })
  }
}
