import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { INDEX_BYTES } from '#src/shared/memory/ring/ring-layout.js'
import {
  concurrencyOfThread,
  ringShape,
  withIndex,
  type RingOptions,
} from '#src/coordinator/partitions/work/ring-shape.js'

const MIB = 2 ** 20

const OPTIONS: RingOptions = {
  threads: 3,
  concurrency: 1,
  ringBytesPerPartition: 16 * MIB,
  maxBufferedBytes: 128 * MIB,
}

describe('the shape of a ring', () => {
  it('has a seat per thread, and room for what waits besides what runs', () => {
    const { seats, slotsPerSeat } = ringShape('key', { ...OPTIONS, concurrency: 100 }, MIB)
    assert.deepEqual([seats, slotsPerSeat], [3, 34 + 256])
  })

  it('takes no more than it may, with its index, and little less', () => {
    for (const wholeBytes of [MIB, 3 * MIB + 7, 16 * MIB, 16 * MIB * 1.2, 1024 * MIB]) {
      const { dataBytes, indexCapacity } = ringShape('none', OPTIONS, wholeBytes)
      const taken = dataBytes + indexCapacity * INDEX_BYTES
      assert.ok(taken <= wholeBytes && dataBytes > 0.62 * wholeBytes, `${dataBytes} of ${wholeBytes}`)
    }
  })

  it('has as much for records as it was asked for', () => {
    for (const bytes of [MIB, 3 * MIB, 16 * MIB])
      assert.equal(ringShape('key', OPTIONS, withIndex(bytes)).dataBytes, bytes)
  })

  it('has entries that a record finds by its number, and bytes that numbers of eight divide', () => {
    const { indexCapacity, dataBytes } = ringShape('key', OPTIONS, 3 * MIB + 7)
    assert.ok(Number.isInteger(Math.log2(indexCapacity)))
    assert.equal(dataBytes % 8, 0)
  })
})

describe('the concurrency of a thread', () => {
  it('is its share of that of the member, at least one', () => {
    const of = (concurrency: number): number => concurrencyOfThread({ ...OPTIONS, concurrency })
    assert.deepEqual([of(1), of(3), of(4), of(300)], [1, 1, 2, 100])
  })
})
