import type { Codec } from './codec.ts'
import { gzip } from './gzip.ts'
import { lz4 } from './lz4.ts'
import { oldLz4 } from './old-lz4.ts'
import { snappy } from './snappy.ts'
import { zstd } from './zstd.ts'

/** Codecs by their number in the attributes of a batch or message. */
export type Codecs = ReadonlyMap<number, Codec>

export const NO_CODEC = 0

/** Of record batches (magic 2). */
export const BATCH_CODECS: Codecs = new Map([
  [1, gzip],
  [2, snappy],
  [3, lz4],
  [4, zstd],
])

/** Of old messages by magic: Zstandard came later, and format 0 has an LZ4 of its own. */
export const OLD_MESSAGE_CODECS: readonly [Codecs, Codecs] = [
  new Map([
    [1, gzip],
    [2, snappy],
    [3, oldLz4],
  ]),
  new Map([
    [1, gzip],
    [2, snappy],
    [3, lz4],
  ]),
]
