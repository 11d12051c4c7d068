import { GroupError } from '../../shared/errors.ts'
import type { Offset } from '../../shared/types.ts'

/** What is wrong with a batch. The caller, who knows the partition, adds topic and partition. */
export function corruptBatch(baseOffset: Offset, reason: string, cause?: unknown): GroupError {
  return new GroupError(
    'BATCH_CORRUPT',
    `record batch at offset ${baseOffset} is damaged: ${reason}; nothing from it on can be read`,
    { details: { offset: baseOffset, reason }, cause },
  )
}

/** `bytes` is what the batch claims or certainly exceeds, decompressed if `compressed`. */
export function oversizedBatch(baseOffset: Offset, bytes: number, maxBatchBytes: number): GroupError {
  return new GroupError(
    'BATCH_TOO_LARGE',
    `record batch at offset ${baseOffset} has at least ${bytes} bytes, more than fetch.maxBatchBytes (${maxBatchBytes}); raise it to read on`,
    { details: { offset: baseOffset, bytes, maxBatchBytes } },
  )
}

/** `cause` if it is known but cannot be used in this process. */
export function unsupportedCodec(baseOffset: Offset, codec: number, cause?: Error): GroupError {
  const why =
    cause === undefined ? 'which this version does not know' : `which cannot be used: ${cause.message}`
  return new GroupError(
    'CODEC_UNSUPPORTED',
    `record batch at offset ${baseOffset} is compressed with codec ${codec}, ${why}`,
    { details: { offset: baseOffset, codec }, cause },
  )
}
