import type { Offset } from '../../shared/types.ts'
import { BatchFrame, readFrame } from '../decode/batch-frame.ts'

const LAST_OFFSET_DELTA_AT = 23

/** What a walk over the headers of fetched batches tells, before any record is read. */
export interface BatchScan {
  /** Up to the end of the last batch that is all there; a broker may cut the last one off (KIP-74). */
  readonly completeBytes: number
  /** Where to fetch next: behind the last complete batch, whose tail may have been compacted away. Null if none is complete. */
  readonly nextOffset: Offset | null
  /** Set if not even the first batch is complete: what to ask for to get it. */
  readonly neededBytes: number | null
  /** The walk met something that the decoder will refuse; the bytes up to there are good. */
  readonly isDamaged: boolean
}

/** So that the next fetch can be asked for while these records are still being handled. Never throws. */
export function scanBatches(records: Buffer, maxBatchBytes: number): BatchScan {
  let completeBytes = 0
  let nextOffset: Offset | null = null
  while (completeBytes < records.length) {
    let frame
    try {
      frame = readFrame(records, completeBytes, maxBatchBytes)
    } catch {
      // Not reported here: the decoder meets the same bytes behind the good ones and throws the same error in order.
      return { completeBytes, nextOffset, neededBytes: null, isDamaged: true }
    }
    if (!(frame instanceof BatchFrame)) {
      const neededBytes = nextOffset === null ? frame.neededBytes : null
      return { completeBytes, nextOffset, neededBytes, isDamaged: false }
    }
    nextOffset = lastOffset(records, frame) + 1
    completeBytes = frame.end
  }
  return { completeBytes, nextOffset, neededBytes: null, isDamaged: false }
}

/** An old message, also one that wraps a compressed set, carries the offset of its last record. */
function lastOffset(records: Buffer, frame: BatchFrame): Offset {
  return frame.magic < 2
    ? frame.baseOffset
    : frame.baseOffset + records.readInt32BE(frame.start + LAST_OFFSET_DELTA_AT)
}
