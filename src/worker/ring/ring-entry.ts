import type { RingMemory } from '../../shared/memory/ring/ring-memory.ts'
import { RecordReader } from '../decode/record-reader.ts'
import { CopySlab } from './copy-slab.ts'

/**
 * A record in the data of a ring. Begins at a multiple of 8, and is never split.
 *
 * | byte | type    | meaning                                                                  |
 * | ---- | ------- | ------------------------------------------------------------------------ |
 * | 0    | float64 | timestamp                                                                |
 * | 8    | int32   | bytes of the key, -1: null                                               |
 * | 12   | int32   | bytes of the value, -1: null                                             |
 * | 16   | int32   | bytes of the headers, their number among them; -1: none                  |
 * | 24   |         | key, value, headers, as they stand in a Kafka record                     |
 */
const KEY_LENGTH = 2 // in words of 4 bytes
const VALUE_LENGTH = 3
const HEADERS_LENGTH = 4
const FIXED_BYTES = 24
/** Up to here it is faster to copy word by word than to make the objects that a call needs. */
const SMALL_BYTES = 256

/** What `record` takes in the data. */
export function entryBytes(record: RecordReader): number {
  const key = Math.max(record.keyEnd - record.keyStart, 0)
  const value = Math.max(record.valueEnd - record.valueStart, 0)
  const headers = record.headersStart < 0 ? 0 : record.headersEnd - record.headersStart // a reader has an end of none, too
  return alignedTo8(FIXED_BYTES + key + value + headers)
}

export class RingEntries {
  readonly #bytes: Buffer
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #view: DataView
  readonly #slab = new CopySlab()
  readonly #reader = new RecordReader()

  constructor({ buffer, data }: RingMemory) {
    this.#bytes = Buffer.from(buffer, data.byteOffset, data.length)
    this.#words = new Int32Array(buffer, data.byteOffset, data.length / 4)
    this.#doubles = new Float64Array(buffer, data.byteOffset, data.length / 8)
    this.#view = new DataView(buffer, data.byteOffset, data.length)
  }

  write(position: number, record: RecordReader): void {
    const { keyStart, keyEnd, valueStart, valueEnd, headersStart, headersEnd } = record
    const word = position >>> 2
    this.#doubles[position >>> 3] = record.timestamp
    this.#words[word + KEY_LENGTH] = keyEnd < 0 ? -1 : keyEnd - keyStart
    this.#words[word + VALUE_LENGTH] = valueEnd < 0 ? -1 : valueEnd - valueStart
    this.#words[word + HEADERS_LENGTH] = headersStart < 0 ? -1 : headersEnd - headersStart
    let at = position + FIXED_BYTES
    at = this.#copyIn(at, record, keyStart, keyEnd)
    at = this.#copyIn(at, record, valueStart, valueEnd)
    if (headersStart >= 0) this.#copyIn(at, record, headersStart, headersEnd)
  }

  /** All of the record but its offset, in memory that nobody else changes. The reader is the same one each time. */
  read(position: number): RecordReader {
    const word = position >>> 2
    const record = this.#reader
    record.timestamp = this.#doubles[position >>> 3]!
    const keyLength = this.#words[word + KEY_LENGTH]!
    const valueLength = this.#words[word + VALUE_LENGTH]!
    const headersLength = this.#words[word + HEADERS_LENGTH]!
    const bytes = Math.max(keyLength, 0) + Math.max(valueLength, 0) + Math.max(headersLength, 0)
    record.keyStart = this.#copyOut(position + FIXED_BYTES, bytes)
    record.valueStart = record.keyStart + Math.max(keyLength, 0)
    const headersStart = record.valueStart + Math.max(valueLength, 0)
    record.keyEnd = keyLength < 0 ? -1 : record.valueStart
    record.valueEnd = valueLength < 0 ? -1 : headersStart
    record.headersStart = headersLength < 0 ? -1 : headersStart
    record.headersEnd = headersLength < 0 ? -1 : headersStart + headersLength
    return record
  }

  hasKey(position: number): boolean {
    return this.#words[(position >>> 2) + KEY_LENGTH]! >= 0
  }

  /** Behind the entry that begins at `position`. */
  endOf(position: number): number {
    const word = position >>> 2
    let bytes = FIXED_BYTES
    for (let at = KEY_LENGTH; at <= HEADERS_LENGTH; at++) bytes += Math.max(this.#words[word + at]!, 0)
    return position + alignedTo8(bytes)
  }

  /** Into the bytes of the reader: at which byte of those. */
  #copyOut(from: number, bytes: number): number {
    const record = this.#reader
    if (bytes <= SMALL_BYTES) {
      const start = this.#slab.copy(this.#words, from >>> 2, bytes)
      record.bytes = this.#slab.bytes
      return start
    }
    record.bytes = Buffer.allocUnsafe(bytes)
    this.#bytes.copy(record.bytes, 0, from, from + bytes)
    return 0
  }

  /** Returns where the copy ends. */
  #copyIn(at: number, record: RecordReader, start: number, end: number): number {
    if (end <= start) return at
    if (end - start <= SMALL_BYTES) this.#copySmallIn(at, record, start, end)
    else record.bytes.copy(this.#bytes, at, start, end)
    return at + end - start
  }

  #copySmallIn(at: number, { bytes, view }: RecordReader, start: number, end: number): void {
    for (; start + 4 <= end; start += 4, at += 4) this.#view.setInt32(at, view.getInt32(start, true), true)
    for (; start < end; start++, at++) this.#bytes[at] = bytes[start]!
  }
}

function alignedTo8(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
