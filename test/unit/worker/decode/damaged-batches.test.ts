import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CodecUnavailable } from '#src/worker/decode/codecs/codec.js'
import { RecordCursor } from '#src/worker/decode/record-cursor.js'
import { readOffsets, readToError } from '../../../support/read-records.ts'
import { encodeBatch, reseal, varint, type TestBatch } from '../../../support/record-batches.ts'

const BASE = 500
const batch: TestBatch = {
  records: [
    { offset: BASE, value: Buffer.from('one') },
    { offset: BASE + 1, value: Buffer.from('two') },
  ],
}

/** The batch with four bytes of its header changed, CRC right. */
function withInt32(at: number, value: number, of = batch): Buffer {
  const bytes = encodeBatch(of)
  bytes.writeInt32BE(value, at)
  return reseal(bytes)
}

/** A batch of one record whose bytes are given, length in front. */
function withRecord(...body: (Buffer | number[])[]): Buffer {
  const bytes = Buffer.concat(body.map(part => Buffer.from(part)))
  return withPayload(Buffer.concat([varint(bytes.length), bytes]))
}

function withPayload(payload: Buffer): Buffer {
  const bytes = Buffer.concat([
    encodeBatch({ records: [], baseOffset: BASE, lastOffset: BASE, count: 1 }),
    payload,
  ])
  bytes.writeInt32BE(bytes.length - 12, 8)
  return reseal(bytes)
}

/** Attributes, timestamp delta, offset delta. */
const HEAD = [0, 0, 0]
const NULL = varint(-1)

const refused: Record<string, [bytes: Buffer, reason: RegExp]> = {
  'with a wrong CRC': [flipped(encodeBatch(batch), 70), /CRC/],
  'whose length is negative': [withInt32(8, -1), /length field says -1/],
  'whose length is less than a header': [withInt32(8, 40), /fewer than a header/],
  'of a format from the future': [withMagic(3), /magic byte is 3/],
  'with a negative magic byte': [withMagic(-1), /magic byte is -1/],
  'whose last offset is before its first': [withInt32(23, -1), /last offset delta is -1/],
  'with a negative number of records': [withInt32(57, -1), /claims -1 records/],
  'with more records than offsets': [withInt32(57, 3), /claims 3 records in 2 offsets/],
  'with more records than fit in its bytes': [
    encodeBatch({ ...batch, count: 50_000_000, lastOffset: BASE + 2 ** 30 }),
    /claims 50000000 records in/,
  ],
  'with fewer records than it claims': [
    encodeBatch({ records: [{ offset: BASE, value: Buffer.alloc(20) }], count: 2, lastOffset: BASE + 1 }),
    /the record behind delta 0/,
  ],
  'with more records than it claims': [encodeBatch({ ...batch, count: 1 }), /bytes follow/],
  'with an offset beyond its last': [
    encodeBatch({ records: [{ offset: BASE + 1 }], baseOffset: BASE, lastOffset: BASE }),
    /impossible offset/,
  ],
  'with offsets out of order': [
    encodeBatch({
      records: [{ offset: BASE + 1 }, { offset: BASE }],
      baseOffset: BASE,
      lastOffset: BASE + 1,
    }),
    /impossible offset/,
  ],
  'with one offset twice': [
    encodeBatch({ records: [{ offset: BASE }, { offset: BASE }], lastOffset: BASE + 1 }),
    /impossible offset/,
  ],
  'with a record that ends behind it': [
    withPayload(Buffer.concat([varint(100), Buffer.alloc(20)])),
    /impossible length/,
  ],
  'with a record of negative length': [
    withPayload(Buffer.concat([varint(-5), Buffer.alloc(20)])),
    /impossible length/,
  ],
  'with a record too short for its fields': [
    withPayload(Buffer.concat([varint(2), Buffer.alloc(7)])),
    /impossible length/,
  ],
  'with a key longer than its record': [withRecord(HEAD, varint(1000), NULL, [0]), /damaged/],
  'with a key of the longest length': [withRecord(HEAD, varint(2 ** 31 - 1), NULL, [0]), /damaged/],
  'with a negative key length but -1': [withRecord(HEAD, varint(-2), NULL, [0]), /impossible key or value/],
  'with a negative value length but -1': [withRecord(HEAD, NULL, varint(-3), [0]), /impossible key or value/],
  'with bytes behind the headers of a record': [withRecord(HEAD, NULL, NULL, [0, 0]), /do not add up/],
  'with more headers than bytes': [withRecord(HEAD, NULL, NULL, varint(1_000_000)), /do not add up/],
  'with a negative number of headers': [withRecord(HEAD, NULL, NULL, varint(-1)), /do not add up/],
  'with a number that does not end': [withPayload(Buffer.alloc(20, 0xff)), /does not end/],
  'with a timestamp that does not end': [withRecord([0], Buffer.alloc(20, 0xff)), /does not end/],
}

describe('a batch', () => {
  for (const [what, [bytes, reason]] of Object.entries(refused)) {
    it(`${what} is refused with its offset and the reason`, () => {
      const { error } = readToError(bytes)
      assert.equal(error?.code, 'BATCH_CORRUPT')
      assert.equal(error.details['offset'], BASE)
      assert.match(error.message, reason)
    })
  }

  it('at a negative offset is refused', () => {
    const bytes = encodeBatch(batch)
    bytes.writeBigInt64BE(-1n, 0)
    assert.match(readToError(bytes).error!.message, /offset is negative/)
  })

  it('at an offset beyond 2^53 is refused', () => {
    const bytes = encodeBatch(batch)
    bytes.writeBigInt64BE(2n ** 53n - 1n, 0)
    assert.match(readToError(bytes).error!.message, /beyond 2\^53/)
  })

  it('of an unknown codec is unsupported', () => {
    const { error } = readToError(encodeBatch({ ...batch, attributes: 6 }))
    assert.equal(error?.code, 'CODEC_UNSUPPORTED')
    assert.deepEqual(error.details, { offset: BASE, codec: 6 })
  })

  it('of a codec that cannot be used in this process is unsupported, with the reason as cause', () => {
    const cause = new CodecUnavailable('not here')
    const decompress = (): never => {
      throw cause
    }
    const codecs = new Map([[1, { name: 'gzip', decompress }]])
    const cursor = new RecordCursor({ maxBatchBytes: 2 ** 20, readCommitted: true, codecs })
    cursor.reset(encodeBatch({ ...batch, codec: 'gzip' }), BASE, null)
    assert.throws(() => cursor.next(), { code: 'CODEC_UNSUPPORTED', cause, message: /not here/ })
  })

  it('whose compressed data is damaged is refused, with the codec of the error as cause', () => {
    const { error } = readToError(encodeBatch({ ...batch, attributes: 1 }))
    assert.equal(error?.code, 'BATCH_CORRUPT')
    assert.match(error.message, /gzip data/)
    assert.ok(error.cause instanceof Error)
  })

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    it(`larger than allowed is refused: ${codec}`, () => {
      const bytes = encodeBatch({ records: [{ offset: BASE, value: Buffer.alloc(100_000) }], codec })
      const { error } = readToError(bytes, { maxBatchBytes: 90_000 })
      assert.equal(error?.code, 'BATCH_TOO_LARGE')
      assert.equal(error.details['offset'], BASE)
      assert.equal(error.details['maxBatchBytes'], 90_000)
      assert.equal(error.retryable, false)
    })
  }

  it('of which the log cleaner left nothing may keep its codec', () => {
    assert.deepEqual(
      readOffsets(encodeBatch({ records: [], baseOffset: 5, lastOffset: 9, attributes: 2 })),
      [],
    )
  })
})

function flipped(bytes: Buffer, at: number): Buffer {
  bytes.writeUInt8(bytes[at]! ^ 1, at)
  return bytes
}

function withMagic(magic: number): Buffer {
  const bytes = encodeBatch(batch)
  bytes.writeInt8(magic, 16)
  return bytes
}
