import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OutputTooLarge, type Codec } from '#src/worker/decode/codecs/codec.js'
import { gzip } from '#src/worker/decode/codecs/gzip.js'
import { lz4 } from '#src/worker/decode/codecs/lz4.js'
import { snappy } from '#src/worker/decode/codecs/snappy.js'
import { zstdOfNode } from '#src/worker/decode/codecs/zstd.js'
import { loadZstdInWasm } from '#src/worker/decode/codecs/zstd-in-wasm.js'
import { compress, type TestCodec } from '../../../../support/record-batches.ts'

interface Case {
  title: string
  codec: Codec
  writtenAs: TestCodec
}

const ofNode = zstdOfNode()

const cases: Case[] = [
  { title: 'gzip', codec: gzip, writtenAs: 'gzip' },
  { title: 'snappy', codec: snappy, writtenAs: 'snappy' },
  { title: "snappy in Java's framing", codec: snappy, writtenAs: 'xerial' },
  { title: 'lz4', codec: lz4, writtenAs: 'lz4' },
  { title: 'zstd in WebAssembly', codec: loadZstdInWasm(), writtenAs: 'zstd' },
  // Where Node has none there is nothing to test; the one in WebAssembly is what runs there.
  ...(ofNode === null ? [] : [{ title: 'zstd of Node', codec: ofNode, writtenAs: 'zstd' as const }]),
]

/** Compressible and not, small and larger than any block of any codec. */
const plain = [1, 100, 70_000, 300_000].flatMap(length => [
  Buffer.alloc(length, 'abcdefgh'),
  Buffer.from(Array.from({ length }, (_, index) => (index * 2_654_435_761) >>> 24)),
])

for (const { title, codec, writtenAs } of cases) {
  describe(title, () => {
    it('gives back what was compressed, at exactly the allowed size', () => {
      for (const bytes of plain)
        assert.ok(
          codec.decompress(compress(bytes, writtenAs), bytes.length).equals(bytes),
          `${bytes.length} bytes`,
        )
    })

    it('refuses what would be one byte larger than allowed', () => {
      for (const bytes of plain.slice(2)) {
        const compressed = compress(bytes, writtenAs)
        assert.throws(() => codec.decompress(compressed, bytes.length - 1), OutputTooLarge)
      }
    })

    it(`refuses bytes that end early, ${writtenAs === 'xerial' ? 'but between two blocks' : 'at any place'}`, () => {
      const whole = plain[1]!
      const large = Buffer.concat([whole, Buffer.alloc(2000, 'abcdefgh')])
      for (const bytes of [whole, large]) {
        const compressed = compress(bytes, writtenAs)
        const accepted = prefixesAccepted(codec, compressed)
        assert.deepEqual(accepted, writtenAs === 'xerial' ? blockEndsOfXerial(compressed) : [])
      }
    })

    it('refuses bytes that are no such data', () => {
      for (const bytes of [Buffer.alloc(40, 0xff), Buffer.from('this is no compressed data at all')])
        assert.throws(() => codec.decompress(bytes, 2 ** 20))
    })
  })
}

/** How many bytes of the data were enough for a result. */
function prefixesAccepted(codec: Codec, compressed: Buffer): number[] {
  const accepted: number[] = []
  // Not 0: what is nothing at all is refused by whoever counts the records in it.
  for (let length = 1; length < compressed.length; length++) {
    try {
      codec.decompress(compressed.subarray(0, length), 2 ** 20)
      accepted.push(length)
    } catch {
      // Refused, in the codec's own words.
    }
  }
  return accepted
}

/** The framing does not tell how many blocks there are: the records in them do. */
function blockEndsOfXerial(compressed: Buffer): number[] {
  const ends: number[] = []
  for (let at = 16; at < compressed.length; at += 4 + compressed.readInt32BE(at)) ends.push(at)
  return ends
}
