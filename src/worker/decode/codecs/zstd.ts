import * as zlib from 'node:zlib'
import type { Codec } from './codec.ts'
import { withOutputLimit } from './zlib-limit.ts'
import { loadZstdInWasm } from './zstd-in-wasm.ts'

type ZstdDecompressSync = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer

/** Node has it since 22.15 and 23.8. */
const decompressSync = (zlib as { zstdDecompressSync?: ZstdDecompressSync }).zstdDecompressSync

/** Null where this Node has no Zstandard. */
export const zstdOfNode: Codec | null =
  decompressSync === undefined
    ? null
    : {
        name: 'zstd',
        decompress: (bytes, maxBytes) =>
          withOutputLimit(maxBytes, () => decompressSync(bytes, { maxOutputLength: maxBytes })),
      }

let inWasm: Codec | undefined

export const zstd: Codec = zstdOfNode ?? {
  name: 'zstd',
  decompress: (bytes, maxBytes) => (inWasm ??= loadZstdInWasm()).decompress(bytes, maxBytes),
}
