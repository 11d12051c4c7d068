import { GroupError } from '../errors.ts'

const TWO_32 = 2 ** 32
const VARINT_BITS = 35
const UUID_BYTES = 16

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

  boolean(): boolean {
    return this.#bytes[this.#take(1)] !== 0
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

  /** A text that may be missing. */
  nullableString(): string | null {
    const length = this.int16()
    if (length === -1) return null
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** Where only one value can follow from what was asked. */
  expect<T extends string | number>(field: string, value: T, expected: T): void {
    if (value !== expected) throw this.#corrupt(`${field} ${value} instead of ${expected}`, this.#at)
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

  /** A number of at most 32 bits, seven in each byte, the lowest first. */
  unsignedVarint(): number {
    const at = this.#at
    let value = 0
    for (let shift = 0; shift < VARINT_BITS; shift += 7) {
      const byte = this.#bytes[this.#take(1)]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80 && value < TWO_32) return value
    }
    throw this.#corrupt('a number of more than 32 bits', at)
  }

  /** A text of a flexible version; null if there is none. */
  compactString(): string | null {
    const length = this.unsignedVarint() - 1
    if (length < 0) return null
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  /** As `arrayLength`, of a flexible version. */
  compactArrayLength(elementBytes: number): number {
    const at = this.#at
    const length = this.unsignedVarint() - 1
    if (length * elementBytes > this.#bytes.length - this.#at)
      throw this.#corrupt(`an array of ${length} elements`, at)
    return length
  }

  /** As Kafka and ZooKeeper show it: 22 characters of base64url; null for the id that is all zeros, which means none. */
  uuid(): string | null {
    const at = this.#take(UUID_BYTES)
    const bytes = this.#bytes.subarray(at, at + UUID_BYTES)
    return bytes.every(byte => byte === 0) ? null : bytes.toString('base64url')
  }

  /** Over the fields that later versions may have added. */
  skipTaggedFields(): void {
    for (let left = this.unsignedVarint(); left > 0; left -= 1) {
      this.unsignedVarint()
      this.#take(this.unsignedVarint())
    }
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
