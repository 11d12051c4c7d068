import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What became of one decompression in a process of its own. */
export interface Apart {
  /** The name of the error, null if there was none. */
  readonly error: string | null
  /** Of the result; 0 if there was an error. */
  readonly bytes: number
  /** The most memory there was at any time meanwhile, beyond what there was before. */
  readonly grownBytes: number
}

const MAIN = fileURLToPath(new URL('decompress-apart-main.js', import.meta.url))

/** In a process that has used little memory before, so that a peak shows however soon the memory is freed again. */
export function decompressApart(
  codec: 'gzip' | 'snappy' | 'lz4' | 'zstd-in-wasm',
  compressed: Buffer,
  maxBytes: number,
  nodeFlags: readonly string[] = [],
): Apart {
  const child = spawnSync(process.execPath, [...nodeFlags, MAIN, codec, String(maxBytes)], {
    input: compressed,
  })
  if (child.error !== undefined) throw child.error
  if (child.status !== 0)
    throw new Error(`decompressing ended with ${child.status}: ${child.stderr.toString()}`)
  return JSON.parse(child.stdout.toString()) as Apart
}
