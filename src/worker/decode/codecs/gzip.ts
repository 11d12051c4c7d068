import type * as Zlib from 'node:zlib'
import { loadedOnce } from '../../../shared/loaded-once.ts'
import type { Codec } from './codec.ts'
import { withOutputLimit } from './zlib-limit.ts'

const zlib = loadedOnce('node:zlib') as () => typeof Zlib

/** Deflate cannot expand further than this. */
const MAX_RATIO = 1032

export const gzip: Codec = {
  name: 'gzip',
  decompress: (bytes, maxBytes) =>
    withOutputLimit(maxBytes, () =>
      zlib().gunzipSync(bytes, { maxOutputLength: maxBytes, chunkSize: chunkSize(bytes, maxBytes) }),
    ),
}

/**
 * One chunk that takes the whole result saves joining many. The last four bytes of a gzip member are its size,
 * a hint only: one byte more, or zlib asks for a second chunk to learn that it has finished.
 */
function chunkSize(bytes: Buffer, maxBytes: number): number {
  const claimed = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4)
  const possible = Math.min(claimed, maxBytes, bytes.length * MAX_RATIO)
  return Math.max(possible + 1, zlib().constants.Z_MIN_CHUNK)
}
