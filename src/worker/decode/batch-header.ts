import { crc32c } from '@node-rs/crc32'
import { corruptBatch } from './batch-errors.ts'
import type { BatchFrame } from './batch-frame.ts'
import { readInt64 } from './int64.ts'

/** Where the fields of a record batch are, from its start. Source: Kafka's DefaultRecordBatch. */
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const COUNT_AT = 57
const RECORDS_AT = 61

const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20

/** The length, the attributes, two deltas, two lengths and the number of headers, one byte each. */
export const MIN_RECORD_BYTES = 7

/** Whoever has checked the CRC of these bytes before need not do so again. */
export type CrcCheck = 'check' | 'checked'

/** The checked header of a record batch (magic 2): its CRC is right and its counts are possible. */
export class BatchHeader {
  readonly #records: Buffer
  readonly #start: number
  readonly baseOffset: number
  readonly lastOffsetDelta: number
  readonly attributes: number
  readonly count: number

  /** @throws BATCH_CORRUPT */
  constructor(records: Buffer, frame: BatchFrame, crc: CrcCheck) {
    const { start, baseOffset } = frame
    if (crc === 'check') checkCrc(records, frame)
    this.#records = records
    this.#start = start
    this.baseOffset = baseOffset
    this.attributes = records.readInt16BE(start + ATTRIBUTES_AT)
    this.lastOffsetDelta = records.readInt32BE(start + LAST_OFFSET_DELTA_AT)
    this.count = records.readInt32BE(start + COUNT_AT)
    this.#check()
  }

  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta
  }

  get codec(): number {
    return this.attributes & CODEC_MASK
  }

  get hasLogAppendTime(): boolean {
    return (this.attributes & LOG_APPEND_TIME) !== 0
  }

  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL) !== 0
  }

  get isControl(): boolean {
    return (this.attributes & CONTROL) !== 0
  }

  get baseTimestamp(): number {
    return readInt64(this.#records, this.#start + BASE_TIMESTAMP_AT)
  }

  get maxTimestamp(): number {
    return readInt64(this.#records, this.#start + MAX_TIMESTAMP_AT)
  }

  get recordsStart(): number {
    return this.#start + RECORDS_AT
  }

  /** -1 for none. Only asked for when there are transactions to filter. */
  producerId(): bigint {
    return this.#records.readBigInt64BE(this.#start + PRODUCER_ID_AT)
  }

  #check(): void {
    if (this.lastOffsetDelta < 0)
      throw corruptBatch(this.baseOffset, `its last offset delta is ${this.lastOffsetDelta}`)
    if (this.count < 0 || this.count > this.lastOffsetDelta + 1)
      throw corruptBatch(
        this.baseOffset,
        `it claims ${this.count} records in ${this.lastOffsetDelta + 1} offsets`,
      )
    if (this.lastOffset >= Number.MAX_SAFE_INTEGER)
      throw corruptBatch(this.baseOffset, 'its last offset is beyond 2^53')
  }
}

function checkCrc(records: Buffer, frame: BatchFrame): void {
  const stored = records.readUInt32BE(frame.start + CRC_AT)
  const computed = crc32c(records.subarray(frame.start + ATTRIBUTES_AT, frame.end))
  if (stored !== computed)
    throw corruptBatch(frame.baseOffset, `its CRC is ${stored}, the bytes have ${computed}`)
}
