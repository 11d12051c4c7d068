import { loadedOnce } from '../../../shared/loaded-once.ts'
import type { Codec } from './codec.ts'
import { withOutputLimit } from './zlib-limit.ts'
import { loadZstdInWasm } from './zstd-in-wasm.ts'

type ZstdDecompressSync = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer

const zlib = loadedOnce('node:zlib') as () => { zstdDecompressSync?: ZstdDecompressSync }

/** Null where this Node has no Zstandard: it has since 22.15 and 23.8. */
export function zstdOfNode(): Codec | null {
  const { zstdDecompressSync: decompressSync } = zlib()
  if (decompressSync === undefined) return null
  return {
    name: 'zstd',
    decompress: (bytes, maxBytes) =>
      withOutputLimit(maxBytes, () => decompressSync(bytes, { maxOutputLength: maxBytes })),
  }
}

let chosen: Codec | undefined

export const zstd: Codec = {
  name: 'zstd',
  decompress: (bytes, maxBytes) => (chosen ??= zstdOfNode() ?? loadZstdInWasm()).decompress(bytes, maxBytes),
}
