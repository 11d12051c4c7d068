import type { Offset } from '../types.ts'

/** A record that was taken and is not finished. */
export interface RecordInHand {
  readonly offset: Offset
  /** Attempts of it that failed. */
  readonly attempts: number
}

/**
 * What is left of a lane below its frontier, once an attempt has failed. Everything below the frontier that is not in
 * hand is finished; void as soon as the floor reaches the frontier.
 */
export interface Remainder {
  readonly frontier: Offset
  /** In the order of the offsets. */
  readonly inHand: readonly RecordInHand[]
}

/** More attempts of one record than this cannot be counted. */
export const MAX_ATTEMPTS = 1000

/**
 * Shared memory of a remainder, behind the slots of its lane. Two areas, of which SELECTED names the one that counts: a
 * thread that dies while it writes leaves the area before, whole.
 *
 * | slot          | type      | meaning                                              |
 * | ------------- | --------- | ---------------------------------------------------- |
 * | SELECTED      | int64     | writes so far: odd is area 1, even is area 2; 0 none |
 * | area 1, 2     |           | each:                                                |
 * | FRONTIER      | int64     | as above                                             |
 * | COUNT         | int64     | how many entries count                               |
 * | entries       | int64 × n | offset × 1024 + attempts                             |
 */
const SELECTED = 0
const FRONTIER = 0 // within an area, like the following
const COUNT = 1
const ENTRIES = 2

const WORD_BYTES = BigInt64Array.BYTES_PER_ELEMENT
const ATTEMPT_BITS = 10n
const ATTEMPT_MASK = (1n << ATTEMPT_BITS) - 1n

export class RemainderMemory {
  readonly #words: BigInt64Array
  readonly #capacity: number

  constructor(buffer: SharedArrayBuffer, fromByte: number) {
    this.#words = new BigInt64Array(buffer, fromByte)
    this.#capacity = (this.#words.length - 1) / 2 - ENTRIES
  }

  static bytesFor(capacity: number): number {
    return (1 + 2 * (ENTRIES + capacity)) * WORD_BYTES
  }

  /** Throws RangeError, with nothing written, if more is in hand than fits. */
  write({ frontier, inHand }: Remainder): void {
    if (inHand.length > this.#capacity)
      throw new RangeError(`${inHand.length} records in hand where ${this.#capacity} fit`)
    const writes = Atomics.load(this.#words, SELECTED) + 1n
    const area = this.#area(writes)
    Atomics.store(this.#words, area + FRONTIER, BigInt(frontier))
    Atomics.store(this.#words, area + COUNT, BigInt(inHand.length))
    inHand.forEach((record, index) => Atomics.store(this.#words, area + ENTRIES + index, pack(record)))
    Atomics.store(this.#words, SELECTED, writes) // behind all of it: a reader that sees the number finds the area whole
  }

  /** Null if nothing was ever written. */
  read(): Remainder | null {
    for (;;) {
      const writes = Atomics.load(this.#words, SELECTED)
      if (writes === 0n) return null
      const read = this.#readArea(this.#area(writes))
      // Unequal: the writer has gone on, perhaps twice, and may have written into the area that was being read. It goes
      // on once per attempt that failed, so the next look, or the one after it, finds it whole; a dead one has stopped.
      if (Atomics.load(this.#words, SELECTED) === writes) return read
    }
  }

  #readArea(area: number): Remainder {
    const count = Math.min(this.#readNumber(area + COUNT), this.#capacity)
    return {
      frontier: this.#readNumber(area + FRONTIER),
      inHand: Array.from({ length: count }, (_, index) =>
        unpack(Atomics.load(this.#words, area + ENTRIES + index)),
      ),
    }
  }

  #readNumber(slot: number): number {
    return Number(Atomics.load(this.#words, slot))
  }

  #area(writes: bigint): number {
    return writes % 2n === 1n ? 1 : 1 + ENTRIES + this.#capacity
  }
}

function pack({ offset, attempts }: RecordInHand): bigint {
  return (BigInt(offset) << ATTEMPT_BITS) | BigInt(Math.min(attempts, MAX_ATTEMPTS))
}

function unpack(entry: bigint): RecordInHand {
  return { offset: Number(entry >> ATTEMPT_BITS), attempts: Number(entry & ATTEMPT_MASK) }
}
