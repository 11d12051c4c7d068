import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readOffsets, readToError } from '../../../support/read-records.ts'
import { encodeBatch, encodeMarker, reseal, type TestRecord } from '../../../support/record-batches.ts'

/** One batch of one record in a transaction. */
function data(offset: number, producerId: bigint, record: Partial<TestRecord> = {}): Buffer {
  return encodeBatch({ records: [{ offset, ...record }], transactionOf: producerId })
}

const aborted = (...list: [producerId: bigint, firstOffset: number][]) =>
  list.map(([producerId, firstOffset]) => ({ producerId, firstOffset }))

describe('aborted transactions', () => {
  const tail = Buffer.concat([
    data(13, 1n),
    encodeMarker(14, 1n, 'abort'),
    data(15, 1n),
    encodeMarker(16, 1n, 'commit'),
  ])
  const log = Buffer.concat([data(10, 2n), data(11, 1n), encodeMarker(12, 2n, 'abort'), tail])

  it('are hidden when they overlap and both began before the first record', () => {
    assert.deepEqual(readOffsets(log, { aborted: aborted([1n, 5], [2n, 6]) }), [15])
  })

  it('are hidden whatever the order of the list', () => {
    assert.deepEqual(readOffsets(log, { aborted: aborted([7n, 500], [2n, 6], [1n, 5]) }), [15])
  })

  it('are hidden when reading starts in their middle', () => {
    assert.deepEqual(readOffsets(tail, { from: 13, aborted: aborted([1n, 11]) }), [15])
  })

  it('do not hide the committed one of the same producer that follows', () => {
    // The list names the transaction's first offset, and the marker may be the first batch that reaches it.
    const bytes = Buffer.concat([encodeMarker(20, 1n, 'abort'), data(21, 1n), encodeMarker(22, 1n, 'commit')])
    assert.deepEqual(readOffsets(bytes, { from: 20, aborted: aborted([1n, 20]) }), [21])
  })

  it('are told apart when one producer aborts twice', () => {
    const bytes = Buffer.concat([
      data(0, 1n),
      encodeMarker(1, 1n, 'abort'),
      data(2, 1n),
      encodeMarker(3, 1n, 'commit'),
      data(4, 1n),
      encodeMarker(5, 1n, 'abort'),
    ])
    assert.deepEqual(readOffsets(bytes, { aborted: aborted([1n, 4], [1n, 0]) }), [2])
  })

  it('end at their marker only, not at a record whose key looks like one', () => {
    const bytes = Buffer.concat([
      data(10, 1n, { key: Buffer.from([0, 0, 0, 0]) }),
      data(11, 1n),
      encodeMarker(12, 1n, 'abort'),
      data(13, 1n, { key: Buffer.from([0, 0, 0, 0]) }),
    ])
    assert.deepEqual(readOffsets(bytes, { aborted: aborted([1n, 10]) }), [13])
  })

  it('do not end at a commit marker or a marker of another producer', () => {
    const bytes = Buffer.concat([
      data(0, 1n),
      encodeMarker(1, 2n, 'abort'),
      encodeMarker(2, 1n, 'commit'),
      data(3, 1n),
    ])
    assert.deepEqual(readOffsets(bytes, { aborted: aborted([1n, 0]) }), [])
  })

  it('hide nothing of the same producer outside of transactions, and nothing of others', () => {
    const bytes = Buffer.concat([data(0, 1n), encodeBatch({ records: [{ offset: 1 }] }), data(2, 2n)])
    assert.deepEqual(readOffsets(bytes, { aborted: aborted([1n, 0], [-1n, 0]) }), [1, 2])
  })

  it('with producer ids beyond 2^53 are told apart exactly', () => {
    const bytes = Buffer.concat([data(0, 2n ** 60n), data(1, 2n ** 60n + 1n)])
    assert.deepEqual(readOffsets(bytes, { aborted: aborted([2n ** 60n, 0]) }), [1])
  })

  it('are visible to read_uncommitted, though their markers are not', () => {
    assert.deepEqual(readOffsets(log, { readCommitted: false, aborted: aborted([1n, 5]) }), [10, 11, 13, 15])
    assert.deepEqual(readOffsets(log, { readCommitted: false }), [10, 11, 13, 15])
  })
})

describe('control batches', () => {
  it('of a type from the future change nothing', () => {
    const marker = encodeMarker(1, 1n, 'abort')
    marker.writeInt16BE(9, marker.indexOf(Buffer.from([0, 0, 0, 0, 12]), 61) + 2)
    const bytes = Buffer.concat([data(0, 1n), reseal(marker), data(2, 1n)])
    assert.deepEqual(readOffsets(bytes, { aborted: aborted([1n, 0]) }), [])
  })

  it('without records change nothing', () => {
    const empty = encodeBatch({ records: [], baseOffset: 1, lastOffset: 1, control: true, transactionOf: 1n })
    const bytes = Buffer.concat([data(0, 1n), empty, data(2, 1n)])
    assert.deepEqual(readOffsets(bytes, { aborted: aborted([1n, 0]) }), [])
  })

  it('whose key is too short for a type are refused', () => {
    const marker = encodeBatch({
      records: [{ offset: 0, key: Buffer.alloc(3) }],
      control: true,
      transactionOf: 1n,
    })
    assert.equal(readToError(marker, { aborted: aborted([1n, 0]) }).error?.code, 'BATCH_CORRUPT')
  })
})
