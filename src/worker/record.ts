import { inspect, type InspectOptions } from 'node:util'
import type { KafkaRecord, ValueDecoder } from '../handler.ts'
import { GroupError, isInstance } from '../shared/errors.ts'
import type { Offset } from '../shared/types.ts'
import { readHeaders, type RecordHeaders } from './decode/record-headers.ts'
import { RecordReader } from './decode/record-reader.ts'
import { returnsView, ValueFault } from './decode/value-decoders.ts'

/** What all records of a lane share. */
export interface RecordOrigin<T = unknown> {
  readonly topic: string
  readonly partition: number
  readonly decode: ValueDecoder<T>
}

/** In the place of a value: it was not read yet, or its decoder runs right now. */
const UNREAD = Symbol('unread')
const DECODING = Symbol('decoding')

/** In the place of a value: why there is none. */
class DecodeFailure {
  readonly error: GroupError

  constructor(error: GroupError) {
    this.error = error
  }
}

/**
 * A record as handlers get it: a fresh object that remembers where in the fetched bytes its parts are and makes them
 * when asked. One is made per record, in the hottest loop there is, so the constructor copies numbers and no more.
 */
export class LaneRecord<T = unknown> implements KafkaRecord<T> {
  readonly #origin: RecordOrigin<T>
  readonly #offset: Offset
  readonly #timestamp: number
  readonly #attempt: number
  // Change in detach() only:
  #bytes: Buffer
  #keyStart: number
  #keyEnd: number
  #valueStart: number
  #valueEnd: number
  #headersStart: number
  #headersEnd: number
  // Made when first read:
  #key: Buffer | null | undefined = undefined
  #value: unknown = UNREAD
  #headers: RecordHeaders | undefined = undefined

  /** The record that `reader` stands on; `attempt` counts from 1. */
  constructor(origin: RecordOrigin<T>, reader: RecordReader, attempt = 1) {
    this.#origin = origin
    this.#offset = reader.offset
    this.#timestamp = reader.timestamp
    this.#attempt = attempt
    this.#bytes = reader.bytes
    this.#keyStart = reader.keyStart
    this.#keyEnd = reader.keyEnd
    this.#valueStart = reader.valueStart
    this.#valueEnd = reader.valueEnd
    this.#headersStart = reader.headersStart
    this.#headersEnd = reader.headersEnd
  }

  static offsetOf(record: LaneRecord): Offset {
    return record.#offset
  }

  /** The same record for another attempt: whatever was done to the one before, it is read anew. */
  static again(record: LaneRecord, origin: RecordOrigin, attempt: number): LaneRecord {
    return new LaneRecord(origin, LaneRecord.raw(record), attempt)
  }

  /** Where its parts are in its bytes, as if a reader stood on it. */
  static raw(record: LaneRecord): RecordReader {
    const raw = new RecordReader()
    raw.bytes = record.#bytes
    raw.offset = record.#offset
    raw.timestamp = record.#timestamp
    raw.keyStart = record.#keyStart
    raw.keyEnd = record.#keyEnd
    raw.valueStart = record.#valueStart
    raw.valueEnd = record.#valueEnd
    raw.headersStart = record.#headersStart
    raw.headersEnd = record.#headersEnd
    return raw
  }

  get topic(): string {
    return this.#origin.topic
  }

  get partition(): number {
    return this.#origin.partition
  }

  get offset(): bigint {
    return BigInt(this.#offset)
  }

  get timestamp(): number {
    return this.#timestamp
  }

  get attempt(): number {
    return this.#attempt
  }

  get key(): Buffer | null {
    return (this.#key ??= this.#keyEnd < 0 ? null : this.#bytes.subarray(this.#keyStart, this.#keyEnd))
  }

  get value(): T | null {
    if (this.#value === UNREAD) this.#value = this.#decodeValue()
    if (this.#value instanceof DecodeFailure) throw this.#value.error
    if (this.#value === DECODING) throw new Error('the decoder of a value must not read record.value')
    return this.#value as T | null
  }

  get headers(): Readonly<RecordHeaders> {
    return (this.#headers ??= this.#readHeaders())
  }

  get size(): number {
    const keyBytes = this.#keyEnd < 0 ? 0 : this.#keyEnd - this.#keyStart
    const valueBytes = this.#valueEnd < 0 ? 0 : this.#valueEnd - this.#valueStart
    return keyBytes + valueBytes
  }

  detach(): this {
    const start = this.#keyStart
    const end = Math.max(start, this.#keyEnd, this.#valueEnd, this.#headersEnd)
    // Not from Node's pool: there the copy of one record would hold on to those of others.
    const copy = Buffer.allocUnsafeSlow(end - start)
    this.#bytes.copy(copy, 0, start, end)
    this.#moveTo(copy, start)
    this.#key = undefined
    this.#headers = undefined
    if (returnsView(this.#origin.decode)) this.#value = UNREAD
    return this
  }

  /** For logs and JSON: where the record is and how large. Payloads are left out on purpose, as in all our logs. */
  toJSON(): Record<string, string | number> {
    const { topic, partition, offset, timestamp, size, attempt } = this
    return { topic, partition, offset: offset.toString(), timestamp, size, attempt }
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `KafkaRecord ${inspect({ ...this.toJSON(), offset: this.offset }, options)}`
  }

  #moveTo(bytes: Buffer, start: number): void {
    this.#bytes = bytes
    this.#keyStart -= start
    this.#valueStart -= start
    if (this.#keyEnd >= 0) this.#keyEnd -= start
    if (this.#valueEnd >= 0) this.#valueEnd -= start
    if (this.#headersStart < 0) return
    this.#headersStart -= start
    this.#headersEnd -= start
  }

  #decodeValue(): unknown {
    if (this.#valueEnd < 0) return null
    this.#value = DECODING
    try {
      return this.#origin.decode(this.#bytes.subarray(this.#valueStart, this.#valueEnd), this)
    } catch (error) {
      return new DecodeFailure(this.#error('DECODE_FAILED', 'value', 'cannot be decoded', error))
    }
  }

  #readHeaders(): RecordHeaders {
    if (this.#headersStart < 0) return Object.create(null) as RecordHeaders
    try {
      return readHeaders(this.#bytes, this.#headersStart, this.#headersEnd)
    } catch (error) {
      throw this.#error('BATCH_CORRUPT', 'headers', 'are damaged', error)
    }
  }

  /** The words of a decoder of the user's stay out of ours: they may quote the payload. */
  #error(code: 'DECODE_FAILED' | 'BATCH_CORRUPT', part: string, what: string, cause: unknown): GroupError {
    const { topic, partition, offset } = this
    const where = `the record at offset ${offset} of ${topic}/${partition}`
    const why = isInstance(cause, ValueFault) ? `: it is ${cause.message}` : ''
    return new GroupError(code, `the ${part} of ${where} ${what}${why}`, {
      details: { topic, partition, offset },
      cause,
    })
  }
}
