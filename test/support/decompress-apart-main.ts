// node decompress-apart-main.js <codec> <max bytes>: decompresses standard input and prints what became of it.
import { readFileSync } from 'node:fs'
import { toError } from '#src/shared/errors.js'
import type { Codec } from '#src/worker/decode/codecs/codec.js'
import type { Apart } from './decompress-apart.ts'

const load: Record<string, () => Promise<Codec>> = {
  gzip: async () => (await import('#src/worker/decode/codecs/gzip.js')).gzip,
  snappy: async () => (await import('#src/worker/decode/codecs/snappy.js')).snappy,
  lz4: async () => (await import('#src/worker/decode/codecs/lz4.js')).lz4,
  'zstd-in-wasm': async () => (await import('#src/worker/decode/codecs/zstd-in-wasm.js')).loadZstdInWasm(),
}

/** Touched memory by its peak; memory outside of V8's heap also before it is touched, unless it was collected already. */
function memory(): { peakBytes: number; externalBytes: number } {
  const { maxRSS } = process.resourceUsage()
  return { peakBytes: maxRSS * 1024, externalBytes: process.memoryUsage().external }
}

function attempt(codec: Codec, bytes: Buffer, maxBytes: number): Omit<Apart, 'grownBytes'> {
  try {
    return { error: null, bytes: codec.decompress(bytes, maxBytes).length }
  } catch (error) {
    return { error: toError(error).name, bytes: 0 }
  }
}

const [name, maxBytes] = process.argv.slice(2)
const codec = await load[name!]!()
const compressed = readFileSync(0)
const before = memory()
const outcome = attempt(codec, compressed, Number(maxBytes))
const after = memory()
const grownBytes = Math.max(after.peakBytes - before.peakBytes, after.externalBytes - before.externalBytes)
console.log(JSON.stringify({ ...outcome, grownBytes } satisfies Apart))
