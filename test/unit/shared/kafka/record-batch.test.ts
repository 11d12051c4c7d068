import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  encodedSize,
  encodeRecordBatch,
  encodeRecords,
  type OutgoingRecord,
} from '#src/shared/kafka/record-batch.js'
import { listHeaders } from '#src/worker/decode/record-headers.js'
import { cursorOver } from '../../../support/read-records.ts'

const IDENTITY = { producerId: 2n ** 62n, producerEpoch: 7, firstSequence: 2 ** 31 - 9 }

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }))
const recordArbitrary: fc.Arbitrary<OutgoingRecord> = fc.record(
  {
    timestamp: fc.integer({ min: -1, max: 4e15 }), // what lies further apart the cursor reads inexactly
    key: bytes,
    value: bytes,
    headers: fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 80 }), bytes), { maxLength: 70 }),
  },
  { noNullPrototype: true },
)

function decode(batch: Buffer): OutgoingRecord[] {
  const cursor = cursorOver(batch)
  const records: OutgoingRecord[] = []
  while (cursor.next()) {
    const {
      bytes: from,
      timestamp,
      keyStart,
      keyEnd,
      valueStart,
      valueEnd,
      headersStart,
      headersEnd,
    } = cursor.record
    records.push({
      timestamp,
      key: keyEnd < 0 ? null : Uint8Array.from(from.subarray(keyStart, keyEnd)),
      value: valueEnd < 0 ? null : Uint8Array.from(from.subarray(valueStart, valueEnd)),
      headers:
        headersStart < 0
          ? []
          : listHeaders(from, headersStart, headersEnd).map(([name, value]) => [
              name,
              value === null ? null : Uint8Array.from(value),
            ]),
    })
  }
  return records
}

describe('record batches that are written', () => {
  it('read as they were, compressed or not, and take no more bytes than was said', () => {
    fc.assert(
      fc.property(fc.array(recordArbitrary, { minLength: 1, maxLength: 150 }), records => {
        const block = encodeRecords(records)
        const said = records.reduce((sum, record) => sum + encodedSize(record), 0)
        assert.ok(block.bytes.length <= said)
        assert.deepEqual(decode(encodeRecordBatch(block, IDENTITY)), records)
        const gzipped = { ...block, codec: 'gzip', bytes: gzipSync(block.bytes) } as const
        assert.deepEqual(decode(encodeRecordBatch(gzipped, IDENTITY)), records)
      }),
      { numRuns: 60 },
    )
  })

  it('carry who wrote them', () => {
    const record = { timestamp: 3, key: null, value: null, headers: [] }
    const batch = encodeRecordBatch(encodeRecords([record, { ...record, timestamp: 1 }]), IDENTITY)
    assert.deepEqual(
      [batch.readBigInt64BE(43), batch.readInt16BE(51), batch.readInt32BE(53), batch.readInt32BE(57)],
      [IDENTITY.producerId, IDENTITY.producerEpoch, IDENTITY.firstSequence, 2],
    )
    assert.deepEqual([batch.readBigInt64BE(27), batch.readBigInt64BE(35)], [3n, 3n])
  })
})
