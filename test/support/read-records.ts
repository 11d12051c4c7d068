import type { GroupError } from '#src/shared/errors.js'
import { RecordCursor } from '#src/worker/decode/record-cursor.js'
import type { AbortedTransaction } from '#src/worker/decode/transaction-filter.js'
import { valueDecoder } from '#src/worker/decode/value-decoders.js'
import { LaneRecord } from '#src/worker/record.js'

export interface ReadOptions {
  from?: number
  aborted?: readonly AbortedTransaction[] | null
  readCommitted?: boolean
  maxBatchBytes?: number
}

const origin = { topic: 't', partition: 0, decode: valueDecoder() }

/** A cursor at the start of the bytes. */
export function cursorOver(bytes: Buffer, options: ReadOptions = {}): RecordCursor {
  const { from = 0, aborted = null, readCommitted = true, maxBatchBytes = 2 ** 24 } = options
  return new RecordCursor({ maxBatchBytes, readCommitted }).reset(bytes, from, aborted)
}

export function recordAt(cursor: RecordCursor): LaneRecord<Buffer> {
  return new LaneRecord(origin, cursor.record) as LaneRecord<Buffer>
}

/** All records to the end. */
export function readRecords(bytes: Buffer, options: ReadOptions = {}): LaneRecord<Buffer>[] {
  const cursor = cursorOver(bytes, options)
  const records: LaneRecord<Buffer>[] = []
  while (cursor.next()) records.push(recordAt(cursor))
  return records
}

export function readOffsets(bytes: Buffer, options: ReadOptions = {}): number[] {
  return readRecords(bytes, options).map(record => Number(record.offset))
}

/** The records up to the error, and the error; null if there is none. */
export function readToError(
  bytes: Buffer,
  options: ReadOptions = {},
): { cursor: RecordCursor; records: LaneRecord<Buffer>[]; error: GroupError | null } {
  const cursor = cursorOver(bytes, options)
  const records: LaneRecord<Buffer>[] = []
  try {
    while (cursor.next()) records.push(recordAt(cursor))
    return { cursor, records, error: null }
  } catch (error) {
    return { cursor, records, error: error as GroupError }
  }
}
