import type { Offset } from '../../shared/types.ts'
import { corruptBatch, oversizedBatch, unsupportedCodec } from './batch-errors.ts'
import { CodecUnavailable, OutputTooLarge } from './codecs/codec.ts'
import type { Codecs } from './codecs/registry.ts'

/**
 * What a batch holds, in plain bytes.
 * @throws CODEC_UNSUPPORTED, BATCH_TOO_LARGE, BATCH_CORRUPT with the codec's own error as cause
 */
export function decompress(
  bytes: Buffer,
  codecs: Codecs,
  codecId: number,
  baseOffset: Offset,
  maxBatchBytes: number,
): Buffer {
  const codec = codecs.get(codecId)
  if (codec === undefined) throw unsupportedCodec(baseOffset, codecId)
  try {
    return codec.decompress(bytes, maxBatchBytes)
  } catch (error) {
    if (error instanceof OutputTooLarge) throw oversizedBatch(baseOffset, error.bytes, maxBatchBytes)
    if (error instanceof CodecUnavailable) throw unsupportedCodec(baseOffset, codecId, error)
    throw corruptBatch(baseOffset, `its ${codec.name} data cannot be decompressed`, error)
  }
}
