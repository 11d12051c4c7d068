import { isGroupError, type GroupError } from '../../shared/errors.ts'
import type { Offset } from '../../shared/types.ts'
import { corruptBatch } from '../decode/batch-errors.ts'
import { BatchFrame, readFrame, type CutBatch } from '../decode/batch-frame.ts'
import { BatchHeader } from '../decode/batch-header.ts'

export interface ScanLimits {
  readonly maxBatchBytes: number
  readonly fetchOffset: Offset
  /** Where the partition ended when these records were sent: nothing can be behind it. */
  readonly endOffset: Offset
  /** The broker had to send a first batch of up to this size whole (KIP-74). */
  readonly wholeBytes: number
}

/** What a walk over fetched batches tells, before any record is read. */
export interface BatchScan {
  /** Up to the end of the last good batch that is all there; a broker may cut the last one off (KIP-74). */
  readonly completeBytes: number
  /** Where to fetch next: behind the last good batch, whose tail may have been compacted away. Null if there is none. */
  readonly nextOffset: Offset | null
  /** Set if not even the first batch is complete: what to ask for to get it. */
  readonly neededBytes: number | null
  /** What is wrong with the batch behind the good ones: nothing from there on can be read. */
  readonly damage: GroupError | null
  /** What is wrong with the batch behind the good ones if the partition does not turn out to go on that far. */
  readonly doubt: GroupError | null
}

/** The good batches up to some place. */
interface GoodPart {
  readonly completeBytes: number
  readonly nextOffset: Offset | null
}

/**
 * So that the next fetch can be asked for while these records are still being handled: where it goes on is believed
 * only of a batch whose CRC is right. The base offset is not under the CRC, so it must fit the batches around it and
 * the end of the partition. That end is only doubtful: a broker looks it up before it reads, and what is appended in
 * between comes with the answer. Never throws.
 */
export function scanBatches(records: Buffer, limits: ScanLimits): BatchScan {
  let good: GoodPart = { completeBytes: 0, nextOffset: null }
  let beforeLast = good
  try {
    while (good.completeBytes < records.length) {
      const frame = readFrame(records, good.completeBytes, limits.maxBatchBytes)
      if (!(frame instanceof BatchFrame)) {
        const neededBytes = good.nextOffset === null ? neededFor(frame, records.length, limits) : null
        return { ...NO_FAULT, ...good, neededBytes }
      }
      const nextOffset = lastOffset(records, frame) + 1
      if (frame.baseOffset < (good.nextOffset ?? 0))
        return { ...NO_FAULT, ...beforeLast, damage: overlap(frame, good) }
      if (nextOffset > limits.endOffset)
        return { ...NO_FAULT, ...good, doubt: beyondEnd(frame, nextOffset, limits.endOffset) }
      beforeLast = good
      good = { completeBytes: frame.end, nextOffset }
    }
  } catch (error) {
    if (!isGroupError(error)) throw error
    return { ...NO_FAULT, ...good, damage: error }
  }
  return { ...NO_FAULT, ...good }
}

const NO_FAULT = { neededBytes: null, damage: null, doubt: null } as const

/** Either of the two may be the one whose offset is wrong, so neither is good. */
function overlap({ baseOffset }: BatchFrame, { nextOffset }: GoodPart): GroupError {
  return corruptBatch(baseOffset, `the batch before it ends at offset ${nextOffset}`)
}

function neededFor({ neededBytes }: CutBatch, sentBytes: number, limits: ScanLimits): number {
  if (neededBytes > limits.wholeBytes) return neededBytes
  throw corruptBatch(
    limits.fetchOffset,
    `its length field says ${neededBytes} bytes, and the broker, who may not cut it, sent ${sentBytes}`,
  )
}

function beyondEnd({ baseOffset }: BatchFrame, nextOffset: Offset, endOffset: Offset): GroupError {
  return corruptBatch(baseOffset, `it ends at offset ${nextOffset}, the partition at ${endOffset}`)
}

/** An old message, also one that wraps a compressed set, carries the offset of its last record; its CRC is checked when it is read. */
function lastOffset(records: Buffer, frame: BatchFrame): Offset {
  return frame.magic < 2 ? frame.baseOffset : new BatchHeader(records, frame, 'check').lastOffset
}
