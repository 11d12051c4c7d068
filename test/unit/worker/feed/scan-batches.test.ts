import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { scanBatches } from '#src/worker/feed/scan-batches.js'
import { encodeBatch, type TestBatch } from '../../../support/record-batches.ts'

const LIMITS = { maxBatchBytes: 2 ** 20, fetchOffset: 0, endOffset: 1000, wholeBytes: 0 }

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
    assert.deepEqual(scanBatches(Buffer.concat([first, second, cut]), LIMITS), {
      completeBytes: first.length + second.length,
      nextOffset: 10,
      neededBytes: null,
      damage: null,
      doubt: null,
    })
  })

  it('counts the tail that compaction took from a batch', () => {
    const scan = scanBatches(batch([5, 6], { lastOffset: 41 }), LIMITS)
    assert.equal(scan.nextOffset, 42)
  })

  it('says how much it takes to get a first batch that was cut', () => {
    const whole = batch([1, 2, 3])
    const scan = scanBatches(whole.subarray(0, whole.length - 1), LIMITS)
    assert.deepEqual(scan, {
      completeBytes: 0,
      nextOffset: null,
      neededBytes: whole.length,
      damage: null,
      doubt: null,
    })
  })

  it('finds nothing in nothing', () => {
    const scan = scanBatches(Buffer.alloc(0), LIMITS)
    assert.deepEqual(scan, {
      completeBytes: 0,
      nextOffset: null,
      neededBytes: null,
      damage: null,
      doubt: null,
    })
  })

  it('stops at a batch that is damaged, and says how', () => {
    const good = batch([1, 2])
    const bad = batch([3, 4])
    bad.writeInt32BE(-7, 8)
    const scan = scanBatches(Buffer.concat([good, bad]), LIMITS)
    assert.deepEqual([scan.completeBytes, scan.nextOffset], [good.length, 3])
    assert.equal(scan.damage?.code, 'BATCH_CORRUPT')
  })

  it('believes no offset of a batch whose CRC is wrong', () => {
    const bad = batch([3, 4])
    bad.writeInt32BE(2 ** 20, 23) // the last offset delta
    const scan = scanBatches(bad, LIMITS)
    assert.deepEqual([scan.completeBytes, scan.nextOffset], [0, null])
    assert.match(scan.damage!.message, /its CRC is/)
  })

  it('takes a base offset, which no CRC covers, only where it fits', () => {
    const behindTheEnd = batch([LIMITS.endOffset - 1, LIMITS.endOffset])
    const { completeBytes, damage, doubt } = scanBatches(behindTheEnd, LIMITS)
    assert.deepEqual([completeBytes, damage], [0, null])
    assert.match(doubt!.message, /ends at offset 1001, the partition at 1000/)
    const back = Buffer.concat([batch([5, 6]), batch([6, 7])])
    assert.match(scanBatches(back, LIMITS).damage!.message, /the batch before it ends at offset 7/)
  })

  it('takes a cut batch that the broker had to send whole for one with a damaged length', () => {
    const whole = batch([1, 2, 3])
    const longer = Buffer.from(whole)
    longer.writeInt32BE(whole.length - 12 + 100, 8)
    assert.equal(scanBatches(longer, LIMITS).neededBytes, whole.length + 100)
    const scan = scanBatches(longer, { ...LIMITS, wholeBytes: whole.length + 100 })
    assert.match(scan.damage!.message, /its length field says/)
  })

  it('lets no flipped bit move the position to where no record was, whatever it hits', () => {
    const whole = Buffer.concat([batch([1, 2, 3]), batch([4, 5])])
    const limits = { ...LIMITS, wholeBytes: 2 ** 20 }
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const bytes = Buffer.from(whole)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const { completeBytes, nextOffset, neededBytes, ...faults } = scanBatches(bytes, limits)
      const damage = faults.damage ?? faults.doubt
      assert.equal(neededBytes, null)
      if (damage !== null) assert.ok(nextOffset === null || nextOffset === 4, `bit ${bit}: ${nextOffset}`)
      else if (completeBytes < whole.length) assert.equal(nextOffset, 4, `bit ${bit} cuts the second batch`)
      else assert.ok(isOutsideOfCrc(bit >> 3), `bit ${bit} is noticed`)
    }
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
          const scan = scanBatches(bytes, LIMITS)
          assert.ok(scan.completeBytes <= length && (scan.nextOffset ?? 0) <= LIMITS.endOffset)
        },
      ),
    )
  })
})

/**
 * The base offset where it still fits; the leader epoch, which nobody here reads; and the magic byte, which makes it an
 * old message, whose CRC is checked when it is read.
 */
function isOutsideOfCrc(at: number): boolean {
  const inBatch = at < batch([1, 2, 3]).length ? at : at - batch([1, 2, 3]).length
  return inBatch < 8 || (inBatch >= 12 && inBatch <= 16)
}
