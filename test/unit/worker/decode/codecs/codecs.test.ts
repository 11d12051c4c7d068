import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OutputTooLarge, type Codec } from '#src/worker/decode/codecs/codec.js'
import { gzip } from '#src/worker/decode/codecs/gzip.js'
import { lz4 } from '#src/worker/decode/codecs/lz4.js'
import { snappy } from '#src/worker/decode/codecs/snappy.js'
import { zstdOfNode } from '#src/worker/decode/codecs/zstd.js'
import { zstdInJavaScript } from '#src/worker/decode/codecs/zstd-in-javascript.js'
import { compress, type TestCodec } from '../../../../support/record-batches.ts'

interface Case {
  title: string
  codec: Codec
  writtenAs: TestCodec
}

const cases: Case[] = [
  { title: 'gzip', codec: gzip, writtenAs: 'gzip' },
  { title: 'snappy', codec: snappy, writtenAs: 'snappy' },
  { title: "snappy in Java's framing", codec: snappy, writtenAs: 'xerial' },
  { title: 'lz4', codec: lz4, writtenAs: 'lz4' },
  { title: 'zstd in JavaScript', codec: zstdInJavaScript, writtenAs: 'zstd' },
  // Where Node has none there is nothing to test; the one in JavaScript is what runs there.
  ...(zstdOfNode === null ? [] : [{ title: 'zstd of Node', codec: zstdOfNode, writtenAs: 'zstd' as const }]),
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

    it('refuses bytes that end early, at any place', () => {
      const compressed = compress(Buffer.alloc(2000, 'abcdefgh'), writtenAs)
      for (let length = 0; length < compressed.length; length++)
        assertRefused(() => codec.decompress(compressed.subarray(0, length), 2 ** 20), 2000)
    })

    it('refuses bytes that are no such data', () => {
      for (const bytes of [Buffer.alloc(40, 0xff), Buffer.from('this is no compressed data at all')])
        assert.throws(() => codec.decompress(bytes, 2 ** 20))
    })
  })
}

/** Cut data must not come back as if it were whole. */
function assertRefused(decompress: () => Buffer, wholeBytes: number): void {
  let result: Buffer
  try {
    result = decompress()
  } catch {
    return // refused, in the codec's own words
  }
  assert.notEqual(result.length, wholeBytes)
}
