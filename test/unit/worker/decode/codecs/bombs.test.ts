import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OutputTooLarge } from '#src/worker/decode/codecs/codec.js'
import { lz4 } from '#src/worker/decode/codecs/lz4.js'
import { lz4OutputBytes } from '#src/worker/decode/codecs/lz4-frame.js'
import { snappy } from '#src/worker/decode/codecs/snappy.js'
import { loadZstdInWasm } from '#src/worker/decode/codecs/zstd-in-wasm.js'
import { decompressApart, type Apart } from '../../../../support/decompress-apart.ts'
import { compress, zstdBlock } from '../../../../support/record-batches.ts'

const MIB = 2 ** 20
const ALLOWED = MIB
/** Beside the result: the runtime's own, and what a decoder works with. */
const LITTLE = 24 * MIB
const zeros = Buffer.alloc(256 * MIB)
const ZSTD_BLOCK_BYTES = 128 * 1024
/** What is inside of a compressed block: one byte as so many literals, and no sequences. */
const RUN_IN_BLOCK = Buffer.from([...uint24(0b1101 | (ZSTD_BLOCK_BYTES << 4)), 0x78, 0])

describe('small data that decompresses to very much', () => {
  for (const [codec, writtenAs] of [
    ['gzip', 'gzip'],
    ['snappy', 'snappy'],
    ['snappy', 'xerial'],
    ['lz4', 'lz4'],
  ] as const) {
    it(`is refused without allocating it: ${writtenAs}`, () => {
      // In the test's xerial framing the blocks are so small that all of the zeros would be megabytes.
      const plain = writtenAs === 'xerial' ? zeros.subarray(0, 64 * MIB) : zeros
      assertRefused(decompressApart(codec, compress(plain, writtenAs), ALLOWED), 'OutputTooLarge')
    })
  }

  for (const [blocks, block] of [
    ['runs', Buffer.concat([zstdBlock('rle', false, ZSTD_BLOCK_BYTES), Buffer.from([0])])],
    ['compressed blocks', Buffer.concat([zstdBlock('compressed', false, RUN_IN_BLOCK.length), RUN_IN_BLOCK])],
  ] as const) {
    it(`is refused without allocating it: zstd in WebAssembly, ${blocks} and windows that they would fill`, () => {
      for (const [count, windowExponent] of [
        [1_000, 7],
        [4_096, 20],
        [15_200, 20],
        [15_200, 21], // more than the decoder takes at all
      ] as const) {
        const frame = zstdFrame(windowExponent, ...Array<Buffer>(count).fill(block))
        assertRefused(decompressApart('zstd-in-wasm', frame, ALLOWED), 'OutputTooLarge')
      }
    })
  }
})

describe('a claim of a huge size', () => {
  it('in the trailer of gzip allocates nothing of the kind', () => {
    const compressed = compress(Buffer.from('small'), 'gzip')
    compressed.writeUInt32LE(0xffffffff, compressed.length - 4)
    assertRefused(decompressApart('gzip', compressed, 1024 * MIB), 'Error')
  })

  it('in a snappy block is refused', () => {
    const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])
    assert.throws(() => snappy.decompress(claim, ALLOWED), OutputTooLarge)
  })

  it('for the window of Zstandard is ignored: only the output counts', () => {
    const frame = zstdFrame(20, zstdBlock('raw', false, 5), Buffer.from('small'))
    const { error, bytes, grownBytes } = decompressApart('zstd-in-wasm', frame, ALLOWED)
    assert.deepEqual([error, bytes], [null, 5])
    assert.ok(grownBytes < LITTLE, `memory grew by ${grownBytes} bytes`)
  })

  it('for the content of a Zstandard frame allocates nothing of the kind', () => {
    for (const claimed of [2n ** 30n, 2n ** 32n, 2n ** 63n]) {
      const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, ...Buffer.alloc(8), 0x09, 0, 0, 0x78])
      frame.writeBigUInt64LE(claimed, 5)
      assertRefused(decompressApart('zstd-in-wasm', frame, ALLOWED), 'DamagedBytes')
      assertRefused(decompressApart('zstd-in-wasm', emptied(frame), ALLOWED), 'DamagedBytes')
    }
  })
})

describe('the size of an LZ4 frame', () => {
  it('is known exactly without decompressing it', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('abc'), Buffer.alloc(100_000, 'abcdefg'), zeros]) {
      const frame = compress(bytes, 'lz4')
      assert.equal(lz4OutputBytes(frame, -1), bytes.length)
      assert.equal(lz4.decompress(frame, bytes.length).length, bytes.length)
    }
  })
})

describe('Zstandard blocks of a dozen bytes that describe gigabytes', () => {
  it('keep the decoder busy for no longer than their number and the room explain', () => {
    const zstd = loadZstdInWasm()
    // No literals, 98,047 sequences, all with the longest lengths there are, out of no bits at all.
    const block = Buffer.from([0x00, 0xff, 0xff, 0xff, 0x54, 35, 0, 52, 0x01])
    const frame = zstdFrame(7, zstdBlock('compressed', false, block.length), block)
    const before = process.cpuUsage()
    assert.throws(() => zstd.decompress(frame, 64 * MIB))
    const { user } = process.cpuUsage(before)
    assert.ok(user < 5_000_000, `${user} µs`) // a decoder that follows the lengths takes minutes
  })
})

/** The blocks, then an empty last one, in a frame with a window of 2 to the power of (10 + exponent). */
function zstdFrame(windowExponent: number, ...blocks: Buffer[]): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, windowExponent << 3])
  return Buffer.concat([header, ...blocks, zstdBlock('raw', true, 0)])
}

/** The frame of one byte without that byte. */
function emptied(frame: Buffer): Buffer {
  return Buffer.concat([frame.subarray(0, -4), zstdBlock('raw', true, 0)])
}

function assertRefused({ error, grownBytes }: Apart, expected: string): void {
  assert.equal(error, expected)
  assert.ok(grownBytes < LITTLE, `memory grew by ${grownBytes} bytes`)
}

function uint24(value: number): Buffer {
  const bytes = Buffer.alloc(3)
  bytes.writeUIntLE(value, 0, 3)
  return bytes
}
