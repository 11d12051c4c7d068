import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { GroupError } from '#src/shared/errors.js'
import type { LaneRecord } from '#src/worker/record.js'
import { asRead, asWritten } from '../../../support/plain-record.ts'
import { anyLog, fetchFrom, offsetAt, visibleFrom } from '../../../support/random-logs.ts'
import { cursorOver, readToError } from '../../../support/read-records.ts'
import { reseal, resealMessage } from '../../../support/record-batches.ts'

const DECODER_CODES = ['BATCH_CORRUPT', 'BATCH_TOO_LARGE', 'CODEC_UNSUPPORTED']
const MAX_BATCH_BYTES = 2 ** 20

const logAndPlace = fc.tuple(anyLog, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))

describe('a random log', () => {
  it('is read as it was written, from any offset, at both isolation levels', () => {
    fc.assert(
      fc.property(logAndPlace, fc.boolean(), ([log, place], readCommitted) => {
        const from = offsetAt(log, place)
        const { bytes, aborted } = fetchFrom(log, from)
        const { cursor, records, error } = readToError(bytes, { from, aborted, readCommitted })
        assert.equal(error, null)
        assert.deepEqual(records.map(asRead), visibleFrom(log, from, readCommitted).map(asWritten))
        assert.equal(cursor.nextOffset, log.endOffset)
      }),
    )
  })

  it('leaves nothing out and repeats nothing when reading stops anywhere and goes on at the next offset', () => {
    fc.assert(
      fc.property(anyLog, fc.array(fc.nat(5), { minLength: 1, maxLength: 10 }), (log, stops) => {
        const seen: number[] = []
        let next = log.batches[0]!.records[0]?.offset ?? 0
        const first = next
        for (const stop of [...stops, Infinity]) {
          const { bytes, aborted } = fetchFrom(log, next)
          const cursor = cursorOver(bytes, { from: next, aborted })
          for (let read = 0; read < stop && cursor.next(); read++) seen.push(cursor.record.offset)
          assert.ok(cursor.nextOffset >= next)
          next = cursor.nextOffset
        }
        assert.deepEqual(
          seen,
          visibleFrom(log, first, true).map(({ offset }) => offset),
        )
      }),
    )
  })

  it('cut off at any place is read up to its last whole batch', () => {
    fc.assert(
      fc.property(logAndPlace, ([log, place]) => {
        const { bytes, aborted } = fetchFrom(log, 0)
        const length = Math.floor(place * bytes.length)
        const { cursor, records, error } = readToError(bytes.subarray(0, length), { aborted })
        assert.equal(error, null)
        const all = visibleFrom(log, 0, true)
        assert.deepEqual(records.map(asRead), all.slice(0, records.length).map(asWritten))
        const nextRecord = all[records.length]
        assert.ok(nextRecord === undefined || cursor.nextOffset <= nextRecord.offset)
      }),
    )
  })
})

describe('a random log with damaged bytes', () => {
  it('is read up to the damage, which CRCs reveal', () => {
    fc.assert(
      fc.property(logAndPlace, fc.integer({ min: 1, max: 255 }), ([log, place], mask) => {
        const { bytes, aborted } = fetchFrom(log, 0)
        const written = visibleFrom(log, 0, true).map(asWritten)
        const at = Math.floor(place * bytes.length)
        const { start, field } = placeOf(bytes, at)
        const before = readToError(bytes.subarray(0, start), { aborted }).records.length
        damage(bytes, at, mask)
        const { records, error } = readToError(bytes, { aborted, maxBatchBytes: MAX_BATCH_BYTES })
        if (error !== null) assertClear(error)
        const read = records.map(asRead)
        switch (field) {
          case 'base offset': // as brokers fill it in: it may move records, but not those before
            assert.deepEqual(read.slice(0, before), written.slice(0, before))
            return
          case 'length': // a batch that seems to end behind the answer is one that was cut
            assert.deepEqual(read, written.slice(0, before))
            return
          case 'leader epoch': // as brokers fill it in: nothing depends on it
            assert.equal(error, null)
            assert.deepEqual(read, written)
            return
          case 'checked':
            assert.equal(error?.code, 'BATCH_CORRUPT')
            assert.deepEqual(read, written.slice(0, before))
        }
      }),
      { numRuns: 600 },
    )
  })

  it('gives records or a clear error, never a crash or a hang, even when the CRCs were made right again', () => {
    fc.assert(
      fc.property(
        logAndPlace,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (random, hits) => {
          const [log, place] = random
          const batch = log.batches[Math.floor(place * log.batches.length)]!.bytes
          for (const [at, mask] of hits) damage(batch, 17 + (at % (batch.length - 17)), mask)
          if (batch[16] === 2) reseal(batch)
          else resealMessage(batch)
          const { bytes, aborted } = fetchFrom(log, 0)
          const { cursor, records, error } = readToError(bytes, { aborted, maxBatchBytes: MAX_BATCH_BYTES })
          if (error !== null) assertClear(error)
          for (const record of records) readFields(record)
          assertAscending(records, cursor.nextOffset)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('that is no log at all gives a clear error or nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), noise => {
        const { error } = readToError(Buffer.from(noise), { maxBatchBytes: MAX_BATCH_BYTES })
        if (error !== null) assertClear(error)
      }),
      { numRuns: 500 },
    )
  })
})

type Field = 'base offset' | 'length' | 'leader epoch' | 'checked'

/** The batch or old message that this byte belongs to, and whether its CRC covers it. */
function placeOf(bytes: Buffer, at: number): { start: number; field: Field } {
  let start = 0
  for (let end; (end = start + 12 + bytes.readInt32BE(start + 8)) <= at; start = end);
  return { start, field: fieldAt(at - start, bytes.readInt8(start + 16)) }
}

function fieldAt(inBatch: number, magic: number): Field {
  if (inBatch < 8) return 'base offset'
  if (inBatch < 12) return 'length'
  return inBatch < 16 && magic === 2 ? 'leader epoch' : 'checked'
}

function damage(bytes: Buffer, at: number, mask: number): void {
  bytes.writeUInt8(bytes[at]! ^ mask, at)
}

function assertClear(error: unknown): void {
  assert.ok(error instanceof GroupError, `not a GroupError: ${String(error)}`)
  assert.ok(DECODER_CODES.includes(error.code), error.code)
  assert.equal(typeof error.details['offset'], 'number')
}

/** Reading any field gives it or a clear error. */
function readFields(record: LaneRecord<Buffer>): void {
  try {
    assert.ok(record.size >= (record.key?.length ?? 0) + (record.value?.length ?? 0))
    assert.ok(Object.keys(record.headers).length >= 0)
  } catch (error) {
    if (!(error instanceof GroupError)) throw error
    assert.equal(error.code, 'BATCH_CORRUPT')
  }
}

function assertAscending(records: readonly LaneRecord[], nextOffset: number): void {
  let last = -1
  for (const { offset } of records) {
    assert.ok(Number(offset) > last)
    last = Number(offset)
  }
  assert.ok(nextOffset > last)
}
