import { corruptBatch, oversizedBatch } from './batch-errors.ts'
import { readInt64 } from './int64.ts'

/**
 * The frame that record batches (magic 2) and old messages (magic 0 and 1) share: offset, length of what follows,
 * and, at the same place in all three formats, the magic byte that tells them apart.
 * Source: Kafka's DefaultRecordBatch and LegacyRecord.
 */
const LENGTH_AT = 8
const LENGTH_END = 12
const MAGIC_AT = 16
const UP_TO_MAGIC = 17

/** Smallest batch or message of each format, indexed by magic; the record batch one is an empty batch. */
const MIN_BYTES = [26, 34, 61] as const

/** How many bytes to ask for when not even the length of the first batch arrived. */
const SMALLEST_USEFUL_FETCH = MIN_BYTES[2]

export class BatchFrame {
  readonly start: number
  readonly end: number
  readonly magic: number
  readonly baseOffset: number

  constructor(start: number, end: number, magic: number, baseOffset: number) {
    this.start = start
    this.end = end
    this.magic = magic
    this.baseOffset = baseOffset
  }
}

/** The bytes end inside of this batch: brokers may cut the last one of an answer (KIP-74). */
export interface CutBatch {
  readonly neededBytes: number
}

/**
 * The frame at `start`, all of whose bytes are there, or how many bytes it would have needed.
 * @throws BATCH_CORRUPT, BATCH_TOO_LARGE
 */
export function readFrame(records: Buffer, start: number, maxBatchBytes: number): BatchFrame | CutBatch {
  const available = records.length - start
  if (available < LENGTH_END) return { neededBytes: SMALLEST_USEFUL_FETCH }
  const baseOffset = readInt64(records, start)
  const bytes = LENGTH_END + records.readInt32BE(start + LENGTH_AT)
  if (bytes < MIN_BYTES[0]) throw corruptBatch(baseOffset, `its length field says ${bytes - LENGTH_END}`)
  if (bytes > available && start > 0) return { neededBytes: bytes }
  if (bytes > maxBatchBytes) throw oversizedBatch(baseOffset, bytes, maxBatchBytes)
  if (available < UP_TO_MAGIC) return { neededBytes: bytes }
  const magic = records.readInt8(start + MAGIC_AT)
  checkFormat(baseOffset, magic, bytes)
  if (bytes > available) return { neededBytes: bytes }
  return new BatchFrame(start, start + bytes, magic, baseOffset)
}

function checkFormat(baseOffset: number, magic: number, bytes: number): void {
  const minBytes = MIN_BYTES[magic]
  if (minBytes === undefined) throw corruptBatch(baseOffset, `its magic byte is ${magic}, not 0, 1 or 2`)
  if (bytes < minBytes) throw corruptBatch(baseOffset, `it has ${bytes} bytes, fewer than a header`)
  if (baseOffset < 0 || baseOffset > Number.MAX_SAFE_INTEGER)
    throw corruptBatch(baseOffset, 'its offset is negative or beyond 2^53')
}
