import type { Offset } from '../../shared/types.ts'
import { corruptBatch } from './batch-errors.ts'
import { MIN_RECORD_BYTES, type BatchHeader } from './batch-header.ts'
import type { OldMessage } from './old-messages.ts'

const NO_BYTES = Buffer.alloc(0)
const NO_VIEW = new DataView(NO_BYTES.buffer, 0, 0)

/**
 * Reads the records of one open batch, in place: read() sets the fields to the next record; no object is made and no
 * byte copied. This is the hottest code of the package. Every number a record claims is checked against its own end
 * and the batch's, so damaged bytes end in BATCH_CORRUPT. A read behind the end of `bytes` yields undefined, which
 * ends a number; the check that follows refuses it.
 */
export class RecordReader {
  /** What the positions below refer to. */
  bytes: Buffer = NO_BYTES
  offset: Offset = -1
  /** Milliseconds; the broker's append time if the topic says so; -1 for the oldest format, which has none. */
  timestamp = -1
  keyStart = 0
  /** -1 for a null key. */
  keyEnd = -1
  valueStart = 0
  /** -1 for a null value. */
  valueEnd = -1
  /** Where the number of headers is; -1 if there are none. */
  headersStart = -1
  /** Behind the last header. */
  headersEnd = -1
  /** Records of the open batch that were not read yet. */
  left = 0

  #viewed: Buffer = NO_BYTES
  #view: DataView = NO_VIEW
  #at = 0
  #end = 0
  #baseOffset: Offset = 0
  #lastDelta = 0
  #previousDelta = -1
  #baseTimestamp = 0
  /** -1: the records have their own. */
  #appendTime = -1

  /** Of `bytes`, for those who read several at once. */
  get view(): DataView {
    const { bytes } = this
    if (this.#viewed !== bytes) {
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      this.#viewed = bytes
    }
    return this.#view
  }

  /** The records stand in `bytes` from `start` to `end`, which nothing else may use. @throws BATCH_CORRUPT */
  open(batch: BatchHeader, bytes: Buffer, start: number, end: number): void {
    if (batch.count * MIN_RECORD_BYTES > end - start)
      throw corruptBatch(batch.baseOffset, `it claims ${batch.count} records in ${end - start} bytes`)
    this.bytes = bytes
    this.left = batch.count
    this.#at = start
    this.#end = end
    this.#baseOffset = batch.baseOffset
    this.#lastDelta = batch.lastOffsetDelta
    this.#previousDelta = -1
    this.#baseTimestamp = batch.baseTimestamp
    this.#appendTime = batch.hasLogAppendTime ? batch.maxTimestamp : -1
  }

  /** Sets the fields to a message that was read elsewhere. */
  show(message: OldMessage, bytes: Buffer): void {
    this.bytes = bytes
    this.offset = message.offset
    this.timestamp = message.timestamp
    this.keyStart = message.keyStart
    this.keyEnd = message.keyEnd
    this.valueStart = message.valueStart
    this.valueEnd = message.valueEnd
    this.headersStart = this.headersEnd = -1
  }

  /** Lets go of the bytes. */
  close(): void {
    this.bytes = this.#viewed = NO_BYTES
    this.#view = NO_VIEW
    this.left = 0
  }

  /** Only while `left` is above 0. @throws BATCH_CORRUPT */
  read(): void {
    const length = this.#varint()
    const end = this.#at + length
    if (length < MIN_RECORD_BYTES - 1 || end > this.#end) this.#refuse('has an impossible length')
    this.#at++ // attributes: none are defined
    const timestampDelta = this.#varlong()
    const delta = this.#varint()
    const keyLength = this.#varint()
    this.keyStart = this.#at
    this.keyEnd = keyLength < 0 ? -1 : (this.#at += keyLength)
    const valueLength = this.#varint()
    this.valueStart = this.#at
    this.valueEnd = valueLength < 0 ? -1 : (this.#at += valueLength)
    if (keyLength < -1 || valueLength < -1) this.#refuse('has an impossible key or value')
    this.#locateHeaders(end)
    if (delta <= this.#previousDelta || delta > this.#lastDelta) this.#refuse('has an impossible offset')
    if (--this.left === 0 && end !== this.#end) this.#refuse('should be the last, but bytes follow')
    this.#previousDelta = delta
    this.offset = this.#baseOffset + delta
    this.timestamp = this.#appendTime >= 0 ? this.#appendTime : this.#baseTimestamp + timestampDelta
  }

  /** Headers are parsed when somebody asks for them; here only what tells a damaged record. */
  #locateHeaders(end: number): void {
    const start = this.#at
    const count = this.#varint()
    if (count === 0 ? this.#at !== end : count < 0 || this.#at + count * 2 > end)
      this.#refuse('has lengths that do not add up')
    this.headersStart = count === 0 ? -1 : start
    this.headersEnd = end
    this.#at = end
  }

  #varint(): number {
    const { bytes } = this
    let byte = bytes[this.#at++]!
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let result = byte & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      byte = bytes[this.#at++]!
      result |= (byte & 0x7f) << shift
      if (byte < 0x80) return (result >>> 1) ^ -(result & 1)
    }
    return this.#refuse('has a number that does not end')
  }

  /** As a double: a timestamp further than 2^53 from the batch's is none. */
  #varlong(): number {
    const { bytes } = this
    let byte = bytes[this.#at++]!
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let result = byte & 0x7f
    for (let factor = 2 ** 7; factor < 2 ** 70; factor *= 2 ** 7) {
      byte = bytes[this.#at++]!
      result += (byte & 0x7f) * factor
      if (byte < 0x80) return result % 2 === 0 ? result / 2 : -(result + 1) / 2
    }
    return this.#refuse('has a timestamp that does not end')
  }

  /** No record is left: whatever follows the damaged one cannot be found. */
  #refuse(what: string): never {
    this.left = 0
    throw corruptBatch(this.#baseOffset, `the record behind delta ${this.#previousDelta} ${what}`)
  }
}
