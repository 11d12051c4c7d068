import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  concurrencyOfThread,
  ringShape,
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
    const { seats, slotsPerSeat } = ringShape('key', { ...OPTIONS, concurrency: 100 }, 1)
    assert.deepEqual([seats, slotsPerSeat], [3, 34 + 256])
  })

  it('is as large as the options say, or its share of half of what may be buffered, but not below a MiB', () => {
    const bytes = (partitions: number): number => ringShape('none', OPTIONS, partitions).dataBytes
    assert.deepEqual([bytes(1), bytes(4), bytes(8), bytes(1000)], [16 * MIB, 16 * MIB, 8 * MIB, MIB])
  })

  it('has entries that a record finds by its number, and bytes that numbers of eight divide', () => {
    const { indexCapacity, dataBytes } = ringShape(
      'key',
      { ...OPTIONS, ringBytesPerPartition: 3 * MIB + 7 },
      1,
    )
    assert.deepEqual([indexCapacity, dataBytes], [2 ** 15, 3 * MIB])
  })
})

describe('the concurrency of a thread', () => {
  it('is its share of that of the member, at least one', () => {
    const of = (concurrency: number): number => concurrencyOfThread({ ...OPTIONS, concurrency })
    assert.deepEqual([of(1), of(3), of(4), of(300)], [1, 1, 2, 100])
  })
})
