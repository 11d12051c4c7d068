import { corruptBatch } from './batch-errors.ts'
import type { BatchHeader } from './batch-header.ts'
import type { RecordReader } from './record-reader.ts'

/** The key of a control record is a version and a type, two bytes each. Source: Kafka's ControlRecordType. */
const KEY_BYTES = 4
const TYPE_AT = 2
const ABORT = 0

/** Whether the control batch's first record, the only one that counts, ends an aborted transaction. */
export function isAbortMarker(batch: BatchHeader, reader: RecordReader): boolean {
  reader.read()
  const { bytes, keyStart, keyEnd } = reader
  if (keyEnd - keyStart < KEY_BYTES) throw corruptBatch(batch.baseOffset, 'its control record has no type')
  return bytes.readInt16BE(keyStart + TYPE_AT) === ABORT
}
