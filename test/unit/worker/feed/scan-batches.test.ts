import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { scanBatches } from '#src/worker/feed/scan-batches.js'
import { encodeBatch, type TestBatch } from '../../../support/record-batches.ts'

const MAX_BATCH_BYTES = 2 ** 20

function batch(offsets: readonly number[], more: Partial<TestBatch> = {}): Buffer {
  return encodeBatch({
    records: offsets.map(offset => ({ offset, value: Buffer.from(`v${offset}`) })),
    ...more,
  })
}

describe('the walk over the headers of fetched batches', () => {
  it('finds the end of the last whole batch and the offset behind it', () => {
    const first = batch([5, 6, 7])
    const second = batch([8, 9])
    const cut = batch([10, 11]).subarray(0, 40)
    assert.deepEqual(scanBatches(Buffer.concat([first, second, cut]), MAX_BATCH_BYTES), {
      completeBytes: first.length + second.length,
      nextOffset: 10,
      neededBytes: null,
      isDamaged: false,
    })
  })

  it('counts the tail that compaction took from a batch', () => {
    const scan = scanBatches(batch([5, 6], { lastOffset: 41 }), MAX_BATCH_BYTES)
    assert.equal(scan.nextOffset, 42)
  })

  it('says how much it takes to get a first batch that was cut', () => {
    const whole = batch([1, 2, 3])
    const scan = scanBatches(whole.subarray(0, whole.length - 1), MAX_BATCH_BYTES)
    assert.deepEqual(scan, {
      completeBytes: 0,
      nextOffset: null,
      neededBytes: whole.length,
      isDamaged: false,
    })
  })

  it('finds nothing in nothing', () => {
    const scan = scanBatches(Buffer.alloc(0), MAX_BATCH_BYTES)
    assert.deepEqual(scan, { completeBytes: 0, nextOffset: null, neededBytes: null, isDamaged: false })
  })

  it('stops at what the decoder will refuse, and says so', () => {
    const good = batch([1, 2])
    const bad = batch([3, 4])
    bad.writeInt32BE(-7, 8)
    const scan = scanBatches(Buffer.concat([good, bad]), MAX_BATCH_BYTES)
    assert.deepEqual(scan, { completeBytes: good.length, nextOffset: 3, neededBytes: null, isDamaged: true })
  })

  it('ends, without throwing, whatever the bytes are', () => {
    const whole = Buffer.concat([batch([1, 2, 3]), batch([4, 5])])
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }),
        fc.nat(whole.length),
        (flips, length) => {
          const bytes = Buffer.from(whole.subarray(0, length))
          for (const [at, value] of flips) if (at < length) bytes[at] = value
          const scan = scanBatches(bytes, MAX_BATCH_BYTES)
          assert.ok(scan.completeBytes <= length)
        },
      ),
    )
  })
})
