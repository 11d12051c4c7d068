import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cursorOver, readOffsets, readRecords, readToError, recordAt } from '../../../support/read-records.ts'
import {
  CODECS,
  encodeBatch,
  encodeMarker,
  encodeMessage,
  reseal,
  type TestRecord,
} from '../../../support/record-batches.ts'

describe('a record cursor', () => {
  it('answers false at once when nothing was fetched, and asks for nothing', () => {
    const cursor = cursorOver(Buffer.alloc(0), { from: 7 })
    assert.equal(cursor.next(), false)
    assert.equal(cursor.nextOffset, 7)
  })

  it('skips the records of the first batch that were handled before', () => {
    assert.deepEqual(readOffsets(encodeBatch({ records: offsets(10, 20) }), { from: 15 }), offsetsOf(15, 20))
  })

  it('tells null from empty keys and values', () => {
    const empty = Buffer.alloc(0)
    const records = readRecords(
      encodeBatch({
        records: [
          { offset: 0, key: null, value: null },
          { offset: 1, key: empty, value: empty },
          { offset: 2, key: Buffer.from('k'), value: null },
        ],
      }),
    )
    assert.deepEqual(
      records.map(({ key, value }) => [key?.toString(), value?.toString()]),
      [
        [undefined, undefined],
        ['', ''],
        ['k', undefined],
      ],
    )
  })

  it('gives log append time to every record of a batch that has it', () => {
    const records = [
      { offset: 0, timestamp: 1000 },
      { offset: 1, timestamp: 2000 },
    ]
    assert.deepEqual(timestamps(encodeBatch({ records })), [1000, 2000])
    assert.deepEqual(timestamps(encodeBatch({ records, appendTime: 5000 })), [5000, 5000])
  })

  it('keeps offsets and timestamps exact beyond 32 bits, and timestamps before 1970 or out of order', () => {
    const offset = 2 ** 52
    const times = [1_700_000_000_000, 1_700_000_000_000 - 2 ** 40, -5]
    const bytes = encodeBatch({
      records: times.map((timestamp, index) => ({ offset: offset + index, timestamp })),
    })
    assert.deepEqual(timestamps(bytes), times)
    assert.deepEqual(readOffsets(bytes), [offset, offset + 1, offset + 2])
  })

  it('reads one batch of 200,000 records', () => {
    const bytes = encodeBatch({ records: offsets(0, 200_000), codec: 'gzip' })
    const read = readOffsets(bytes)
    assert.equal(read.length, 200_000)
    assert.equal(read.at(-1), 199_999)
  })

  for (const codec of CODECS) {
    it(`reads batches compressed with ${codec} between others`, () => {
      const bytes = Buffer.concat([
        encodeBatch({ records: offsets(0, 3) }),
        encodeBatch({ records: offsets(3, 300), codec }),
        encodeBatch({ records: offsets(300, 302) }),
      ])
      assert.deepEqual(readOffsets(bytes), offsetsOf(0, 302))
    })
  }

  it('reads all three formats out of one answer', () => {
    const bytes = Buffer.concat([
      encodeMessage({ magic: 0, offset: 0, value: Buffer.from('a') }),
      encodeMessage({ magic: 1, offset: 1, timestamp: 9, value: Buffer.from('b') }),
      encodeBatch({ records: [{ offset: 2, timestamp: 10, value: Buffer.from('c') }] }),
      encodeMessage({ magic: 1, offset: 3, timestamp: 11, value: Buffer.from('d') }),
    ])
    assert.deepEqual(
      readRecords(bytes).map(record => record.value?.toString()),
      ['a', 'b', 'c', 'd'],
    )
    assert.deepEqual(timestamps(bytes), [-1, 9, 10, 11])
  })

  it('makes views, not copies, of uncompressed batches', () => {
    const bytes = encodeBatch({ records: [{ offset: 0, value: Buffer.from('value') }] })
    assert.equal(readRecords(bytes)[0]!.value!.buffer, bytes.buffer)
  })

  it('starts afresh at a lower offset after reset', () => {
    const cursor = cursorOver(encodeBatch({ records: offsets(100, 110) }), { from: 100 })
    while (cursor.next());
    cursor.reset(encodeBatch({ records: offsets(5, 7) }), 3, null)
    assert.equal(cursor.nextOffset, 3)
    assert.equal(cursor.next(), true)
    assert.equal(cursor.nextOffset, 6)
  })
})

describe('the next offset of a record cursor', () => {
  it('is one behind the current record within a batch, and behind the batch at its last record', () => {
    const cursor = cursorOver(encodeBatch({ records: [{ offset: 5 }, { offset: 8 }], lastOffset: 20 }), {
      from: 2,
    })
    assert.equal(cursor.nextOffset, 2)
    cursor.next()
    assert.equal(cursor.nextOffset, 6)
    cursor.next()
    assert.equal(cursor.nextOffset, 21)
    assert.equal(cursor.next(), false)
    assert.equal(cursor.nextOffset, 21)
  })

  it('passes a batch that compaction emptied', () => {
    assert.equal(endOf(encodeBatch({ records: [], baseOffset: 100, lastOffset: 109 }), 100), 110)
  })

  it('passes a compacted tail without records at or above the fetch offset', () => {
    assert.equal(endOf(encodeBatch({ records: offsets(100, 102), lastOffset: 199 }), 150), 200)
  })

  it('passes control batches', () => {
    const bytes = Buffer.concat([encodeMarker(10, 1n, 'commit'), encodeMarker(11, 2n, 'abort')])
    assert.equal(endOf(bytes, 10), 12)
  })

  it('passes aborted batches', () => {
    const bytes = encodeBatch({ records: offsets(10, 15), transactionOf: 1n })
    assert.equal(endOf(bytes, 10, [{ producerId: 1n, firstOffset: 10 }]), 15)
  })

  it('never goes back, whatever offsets a batch has', () => {
    const bytes = Buffer.concat([
      encodeBatch({ records: offsets(10, 15) }),
      encodeBatch({ records: offsets(0, 3) }),
    ])
    assert.deepEqual(readOffsets(bytes), offsetsOf(10, 15))
    assert.equal(endOf(bytes, 0), 15)
  })

  it('stays at the last good record when the next one is damaged', () => {
    const bytes = Buffer.concat([
      encodeBatch({ records: offsets(0, 3) }),
      encodeBatch({ records: offsets(3, 6) }),
    ])
    bytes.writeUInt8(bytes.at(-1)! ^ 1, bytes.length - 1)
    const { cursor, records, error } = readToError(bytes)
    assert.equal(records.length, 3)
    assert.equal(error?.code, 'BATCH_CORRUPT')
    assert.equal(cursor.nextOffset, 3)
    assert.throws(() => cursor.next(), error)
    assert.equal(cursor.nextOffset, 3)
  })

  it('stays at the last good record of a batch whose next one is damaged, though its CRC is right', () => {
    const bytes = encodeBatch({ records: offsets(0, 6) })
    bytes.writeUInt8(1, 61 + 3 * 7) // the length of the record at offset 3
    const { cursor, records, error } = readToError(reseal(bytes))
    assert.equal(records.length, 3)
    assert.equal(error?.code, 'BATCH_CORRUPT')
    assert.equal(cursor.nextOffset, 3)
  })

  it('knows nothing of the offsets before a reset, even if the first batch after it is damaged', () => {
    const cursor = cursorOver(encodeBatch({ records: offsets(100, 110) }), { from: 100 })
    cursor.next()
    cursor.reset(encodeBatch({ records: [], baseOffset: 5, lastOffset: 6, count: -1 }), 3, null)
    assert.throws(() => cursor.next(), { code: 'BATCH_CORRUPT' })
    assert.equal(cursor.nextOffset, 3)
  })

  it('is kept when the bytes are released', () => {
    const cursor = cursorOver(encodeBatch({ records: offsets(0, 9) }))
    cursor.next()
    cursor.release()
    assert.equal(cursor.nextOffset, 1)
    assert.equal(cursor.next(), false)
    assert.equal(cursor.nextOffset, 1)
  })
})

describe('bytes that end within a batch', () => {
  const first = encodeBatch({ records: offsets(0, 3) })
  const second = encodeBatch({ records: offsets(3, 6) })

  it('end silently behind the last whole batch', () => {
    const bytes = Buffer.concat([first, second])
    for (let length = first.length; length < bytes.length; length++) {
      const cursor = cursorOver(bytes.subarray(0, length))
      while (cursor.next());
      assert.equal(cursor.nextOffset, 3)
    }
  })

  it('end silently also before the first batch is there as a whole', () => {
    for (let length = 1; length < first.length; length++) {
      const cursor = cursorOver(first.subarray(0, length))
      assert.equal(cursor.next(), false)
      assert.equal(cursor.nextOffset, 0)
    }
  })

  it('end silently there too if the cut batch is larger than allowed: it is refused when it comes first', () => {
    const big = encodeBatch({ records: [{ offset: 3, value: Buffer.alloc(1000) }] })
    const { cursor, error } = readToError(Buffer.concat([first, big.subarray(0, 500)]), {
      maxBatchBytes: 900,
    })
    assert.equal(error, null)
    assert.equal(cursor.nextOffset, 3)
  })

  it('are refused if the first batch would need more than is allowed', () => {
    const { error } = readToError(first.subarray(0, 20), { maxBatchBytes: 70 })
    assert.equal(error?.code, 'BATCH_TOO_LARGE')
    assert.deepEqual(error.details, { offset: 0, bytes: first.length, maxBatchBytes: 70 })
  })
})

describe('what a record cursor holds', () => {
  it('is nothing beside the fetched bytes for a plain batch', () => {
    const cursor = cursorOver(encodeBatch({ records: offsets(0, 4) }))
    while (cursor.next()) assert.equal(cursor.decompressedBytes, 0)
  })

  it('is the plain bytes of a compressed batch, until its last record', () => {
    const cursor = cursorOver(encodeBatch({ records: offsets(0, 3), codec: 'gzip' }))
    const seen: number[] = []
    while (cursor.next()) seen.push(cursor.decompressedBytes)
    assert.deepEqual(seen, [21, 21, 21])
    assert.equal(cursor.decompressedBytes, 0)
  })

  it('is nothing at the end', () => {
    const cursor = cursorOver(encodeBatch({ records: offsets(0, 3) }))
    while (cursor.next()) recordAt(cursor)
    assert.equal(cursor.record.bytes.length, 0)
  })
})

function offsets(from: number, to: number): TestRecord[] {
  return offsetsOf(from, to).map(offset => ({ offset }))
}

function offsetsOf(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

function timestamps(bytes: Buffer): number[] {
  return readRecords(bytes).map(({ timestamp }) => timestamp)
}

function endOf(
  bytes: Buffer,
  from: number,
  aborted: { producerId: bigint; firstOffset: number }[] = [],
): number {
  const cursor = cursorOver(bytes, { from, aborted })
  while (cursor.next());
  return cursor.nextOffset
}
