import { GroupError } from '../errors.ts'

const TWO_32 = 2 ** 32

/** Reads the primitive types of the Kafka protocol off one answer. A length that cannot be true throws RESPONSE_CORRUPT. */
export class ResponseReader {
  readonly #bytes: Buffer
  readonly #what: string
  #at = 0

  /** `what` names the answer in errors. */
  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  bigInt64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8))
  }

  /** An int64 that is an offset: exact up to 2^53, beyond which no log reaches. */
  offset(): number {
    const at = this.#take(8)
    const offset = this.#bytes.readInt32BE(at) * TWO_32 + this.#bytes.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(offset)) throw this.#corrupt('an offset beyond 2^53', at)
    return offset
  }

  /** A name: no name of Kafka is null. */
  string(): string {
    const length = this.int16()
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** A view of the answer; null if there is nothing. */
  bytes(): Buffer | null {
    const length = this.int32()
    if (length <= 0) return this.#nothing(length)
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** The length of an array whose elements take at least `elementBytes` each; -1 if it is null. */
  arrayLength(elementBytes: number): number {
    const at = this.#at
    const length = this.int32()
    if (length < -1 || length * elementBytes > this.#bytes.length - this.#at) {
      throw this.#corrupt(`an array of ${length} elements`, at)
    }
    return length
  }

  #nothing(length: number): null {
    if (length < -1) throw this.#corrupt(`a length of ${length}`, this.#at - 4)
    return null
  }

  #take(length: number): number {
    const at = this.#at
    if (length < 0 || at + length > this.#bytes.length) throw this.#corrupt(`a length of ${length}`, at)
    this.#at = at + length
    return at
  }

  #corrupt(found: string, at: number): GroupError {
    const total = this.#bytes.length
    return new GroupError(
      'RESPONSE_CORRUPT',
      `${this.#what} has ${found} at byte ${at} of ${total}; the connection is closed`,
      { details: { what: this.#what, at, total } },
    )
  }
}
