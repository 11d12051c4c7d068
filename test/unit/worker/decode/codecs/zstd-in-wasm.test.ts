import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CodecUnavailable, DamagedBytes, OutputTooLarge } from '#src/worker/decode/codecs/codec.js'
import { loadZstdInWasm } from '#src/worker/decode/codecs/zstd-in-wasm.js'
import { decompressApart } from '../../../../support/decompress-apart.ts'
import { storedZstd, zstdBlock } from '../../../../support/record-batches.ts'

/** Written by zstd 1.5.4 with a checksum behind it. */
const HELLO = Buffer.from('28b52ffd045859000068656c6c6f207a7374640a6c57f951', 'hex')
/** The same without, of 1,500 bytes: literals, sequences and the tables of both are compressed. */
const WORDS = Buffer.from(
  '28b52ffd0068850200f2c20a11a0e90184fdfc5b0780c75184e441ffb306ab8967b59a7856ab89776607f5c32699d401bdf0eba3' +
    '59900e18a820befe77e0a5610d104604480c8924d6f7ff37cc2124c0834ef694cc19839d02',
  'hex',
)
const words = Array.from({ length: 60 }, (_, i) => `record ${i % 7} of partition ${i % 3}; `).join('')
const SKIPPED = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
const ALLOWED = 2 ** 20

const zstd = loadZstdInWasm()

describe('Zstandard in WebAssembly', () => {
  it('reads what other programs write, and several frames as one', () => {
    assert.equal(zstd.decompress(WORDS, ALLOWED).toString(), words)
    const frames = Buffer.concat([SKIPPED, HELLO, SKIPPED, WORDS, storedZstd(Buffer.from('end')), SKIPPED])
    const expected = `hello zstd\n${words}end`
    assert.equal(zstd.decompress(frames, expected.length).toString(), expected)
    assert.throws(() => zstd.decompress(frames, expected.length - 1), OutputTooLarge)
  })

  it('refuses a frame whose checksum is wrong, one that needs a dictionary, and one of nothing', () => {
    const wrong = Buffer.from(HELLO)
    wrong.writeUInt8(wrong.at(-1)! ^ 1, wrong.length - 1)
    const dictionary = Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x38, 7]),
      zstdBlock('raw', true, 1),
      Buffer.from('x'),
    ])
    for (const bytes of [wrong, dictionary, storedZstd(Buffer.alloc(0))])
      assert.throws(() => zstd.decompress(bytes, ALLOWED), DamagedBytes)
  })

  it('refuses whatever is damaged in one of the two ways, and reads on as before', () => {
    const hits = fc.array(fc.tuple(fc.nat(WORDS.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(hits, fc.constantFrom(100, 1500, ALLOWED), (damage, maxBytes) => {
        const bytes = Buffer.from(WORDS)
        for (const [at, mask] of damage) bytes.writeUInt8(bytes[at]! ^ mask, at)
        try {
          assert.ok(zstd.decompress(bytes, maxBytes).length <= maxBytes)
        } catch (error) {
          assert.ok(error instanceof DamagedBytes || error instanceof OutputTooLarge, String(error))
        }
        assert.equal(zstd.decompress(WORDS, ALLOWED).toString(), words)
      }),
      { numRuns: 500 },
    )
  })

  it('gives back what it needed, whether the data was good or not', () => {
    const many = storedZstd(Buffer.alloc(10 * ALLOWED), 100_000)
    const use = (): void => {
      assert.equal(zstd.decompress(many, 10 * ALLOWED).length, 10 * ALLOWED)
      assert.throws(() => zstd.decompress(many, 5 * ALLOWED), OutputTooLarge)
      assert.throws(() => zstd.decompress(many.subarray(0, -1), 10 * ALLOWED), DamagedBytes)
    }
    use()
    const { external, arrayBuffers } = process.memoryUsage()
    for (let round = 0; round < 20; round++) use()
    const after = process.memoryUsage()
    const inWasm = after.external - after.arrayBuffers - (external - arrayBuffers)
    assert.ok(inWasm < ALLOWED, `${inWasm} bytes`)
  })

  it('is unavailable, not the data damaged, where there is no memory for it; less works on', () => {
    const most = 2 ** 31 - 1
    const run = Buffer.concat([zstdBlock('rle', false, 128 * 1024), Buffer.from([0])])
    const header = storedZstd(Buffer.alloc(0)).subarray(0, 6)
    const frame = Buffer.concat([header, ...Array<Buffer>(20_000).fill(run), zstdBlock('raw', true, 0)])
    assert.throws(() => zstd.decompress(frame, most), CodecUnavailable)
    assert.equal(zstd.decompress(WORDS, most).toString(), words)
  })

  it('is unavailable, and the thread starts all the same, where there is no WebAssembly', () => {
    const { error } = decompressApart('zstd-in-wasm', WORDS, ALLOWED, ['--jitless'])
    assert.equal(error, 'CodecUnavailable')
  })
})
