import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OutputTooLarge } from '#src/worker/decode/codecs/codec.js'
import { gzip } from '#src/worker/decode/codecs/gzip.js'
import { lz4 } from '#src/worker/decode/codecs/lz4.js'
import { lz4OutputBytes } from '#src/worker/decode/codecs/lz4-frame.js'
import { snappy } from '#src/worker/decode/codecs/snappy.js'
import { zstdInJavaScript, zstdWithin } from '#src/worker/decode/codecs/zstd-in-javascript.js'
import { compress, storedZstd, zstdBlock } from '../../../../support/record-batches.ts'

const ALLOWED = 2 ** 20
const zeros = Buffer.alloc(64 * 2 ** 20)
const ZSTD_HEAD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38])

describe('small data that decompresses to very much', () => {
  for (const [codec, writtenAs] of [
    [gzip, 'gzip'],
    [snappy, 'snappy'],
    [snappy, 'xerial'],
    [lz4, 'lz4'],
  ] as const) {
    it(`is refused without allocating it: ${writtenAs}`, () => {
      const compressed = compress(zeros, writtenAs)
      assertAllocatesLittle(() => codec.decompress(compressed, ALLOWED), OutputTooLarge)
    })
  }

  it('is refused without allocating it: zstd in JavaScript', () => {
    const blocks = Array.from({ length: 1000 }, () =>
      Buffer.concat([zstdBlock('rle', false, 100_000), Buffer.from([0])]),
    )
    const frame = Buffer.concat([ZSTD_HEAD, ...blocks, zstdBlock('raw', true, 0)])
    assertAllocatesLittle(() => zstdInJavaScript.decompress(frame, ALLOWED), OutputTooLarge)
  })
})

describe('a claim of a huge size', () => {
  it('in the trailer of gzip allocates nothing of the kind', () => {
    const compressed = compress(Buffer.from('small'), 'gzip')
    compressed.writeUInt32LE(0xffffffff, compressed.length - 4)
    assertAllocatesLittle(() => gzip.decompress(compressed, 2 ** 30), Error)
  })

  it('in a snappy block is refused', () => {
    const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])
    assertAllocatesLittle(() => snappy.decompress(claim, ALLOWED), OutputTooLarge)
  })

  it('for the window of Zstandard is ignored: only the output counts', () => {
    const frame = storedZstd(Buffer.from('small'))
    frame.writeUInt8(20 << 3, 5) // 1 GiB
    assertAllocatesLittle(() => assert.equal(zstdInJavaScript.decompress(frame, ALLOWED).toString(), 'small'))
  })

  it('for a run in a Zstandard block is refused', () => {
    const frame = Buffer.concat([ZSTD_HEAD, zstdBlock('rle', true, 2 ** 21 - 1), Buffer.from([0])])
    assert.throws(() => zstdInJavaScript.decompress(frame, 2 ** 30), /impossible/)
  })
})

describe('the size of an LZ4 frame', () => {
  it('is known exactly without decompressing it', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('abc'), Buffer.alloc(100_000, 'abcdefg'), zeros]) {
      const frame = compress(bytes, 'lz4')
      assert.equal(lz4OutputBytes(frame, -1), bytes.length)
    }
  })
})

describe('a Zstandard block that would keep the decoder busy for minutes', () => {
  it('is given up on in time', () => {
    // No literals, 98,047 sequences, all with the longest lengths there are, out of no bits at all.
    const block = Buffer.from([0x00, 0xff, 0xff, 0xff, 0x54, 35, 0, 52, 0x01])
    const frame = Buffer.concat([ZSTD_HEAD, zstdBlock('compressed', true, block.length), block])
    assert.throws(() => zstdWithin(200).decompress(frame, ALLOWED), /busy without end/)
  })
})

/** Array buffers are counted at once when allocated, so no garbage collection can hide one. */
function assertAllocatesLittle(run: () => unknown, error?: new (...args: never[]) => Error): void {
  const before = peakRss()
  if (error === undefined) run()
  else assert.throws(run, error)
  assert.ok(peakRss() - before < 32 * 2 ** 10, `peak memory grew by ${peakRss() - before} KiB`)
}

/** KiB. It never shrinks, so it also sees what was freed again. */
function peakRss(): number {
  return process.resourceUsage().maxRSS
}
