import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isGroupError } from '#src/shared/errors.js'
import { decodeFetchResponse, type FetchedPartition } from '#src/shared/kafka/fetch-response.js'
import { thrown } from '../../../support/group-error.ts'
import { fetchAnswer } from '../../../support/kafka-answers.ts'
import { WireWriter } from '../../../support/wire-writer.ts'

const VERSIONS = [4, 5, 6, 7, 8, 9, 10, 11]

/** Objects as the decoder makes them. */
const PLAIN = { noNullPrototype: true }

const offset = fc.oneof(fc.constant(-1), fc.maxSafeNat())

const partition: fc.Arbitrary<FetchedPartition> = fc.record(
  {
    topic: fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/),
    partition: fc.nat(10_000),
    errorCode: fc.integer({ min: -1, max: 120 }),
    highWatermark: offset,
    lastStableOffset: offset,
    logStartOffset: offset,
    aborted: fc.option(
      fc.array(
        fc.record(
          { producerId: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), firstOffset: fc.maxSafeNat() },
          PLAIN,
        ),
        {
          maxLength: 4,
        },
      ),
    ),
    records: fc.option(fc.uint8Array({ minLength: 1, maxLength: 200 }).map(bytes => Buffer.from(bytes))),
  },
  PLAIN,
)

const answer = fc.record({
  throttleTimeMs: fc.nat(60_000),
  errorCode: fc.integer({ min: -1, max: 120 }),
  partitions: fc.array(partition, { maxLength: 5 }),
})

const version = fc.constantFrom(...VERSIONS)

/** As a decoder of that version can know it. */
function seenBy(of: FetchedPartition, at: number): FetchedPartition {
  return { ...of, logStartOffset: at >= 5 ? of.logStartOffset : -1 }
}

describe('decoding a fetch answer', () => {
  it('reads back what a broker wrote, in every version and in order', () => {
    fc.assert(
      fc.property(answer, version, (written, at) => {
        assert.deepEqual(decodeFetchResponse(fetchAnswer(written, at), at), {
          throttleTimeMs: written.throttleTimeMs,
          errorCode: at >= 7 ? written.errorCode : 0,
          partitions: written.partitions.map(of => seenBy(of, at)),
        })
      }),
    )
  })

  it('copies no record: what it gives are views of the answer', () => {
    const records = Buffer.alloc(1000, 7)
    const bytes = fetchAnswer({ partitions: [{ ...EMPTY, records }] }, 11)
    const [found] = decodeFetchResponse(bytes, 11).partitions
    assert.equal(found?.records?.buffer, bytes.buffer)
    assert.deepEqual(found.records, records)
  })

  it('gives null for records that are null or empty', () => {
    const partitions = [EMPTY, { ...EMPTY, records: Buffer.alloc(0) }]
    const found = decodeFetchResponse(fetchAnswer({ partitions }, 11), 11)
    assert.deepEqual(
      found.partitions.map(of => of.records),
      [null, null],
    )
  })

  it('says where an answer that was cut off ends, whatever the place', () => {
    fc.assert(
      fc.property(
        answer,
        version,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (written, at, part) => {
          const whole = fetchAnswer(written, at)
          const rest = whole.subarray(0, Math.floor(whole.length * part))
          const error = thrown(() => decodeFetchResponse(rest, at), 'RESPONSE_CORRUPT')
          assert.match(error.message, new RegExp(`Fetch ${at} has .* at byte \\d+ of ${rest.length}`))
        },
      ),
    )
  })

  it('ends with a result or RESPONSE_CORRUPT whichever bytes are flipped', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(answer, version, flips, (written, at, damage) => {
        const bytes = fetchAnswer(written, at)
        for (const [place, mask] of damage) bytes[place % bytes.length]! ^= mask
        try {
          decodeFetchResponse(bytes, at)
        } catch (error) {
          assert.ok(isGroupError(error, 'RESPONSE_CORRUPT'), String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses an array that cannot fit, before anything is made for it', () => {
    const bytes = new WireWriter().int32(0).int16(0).int32(0).int32(0x7fffffff).end()
    const error = thrown(() => decodeFetchResponse(bytes, 11), 'RESPONSE_CORRUPT')
    assert.match(error.message, /an array of 2147483647 elements/)
  })

  it('refuses an offset that a number cannot hold', () => {
    const bytes = fetchAnswer({ partitions: [{ ...EMPTY, highWatermark: 2 ** 53 }] }, 11)
    assert.match(thrown(() => decodeFetchResponse(bytes, 11), 'RESPONSE_CORRUPT').message, /beyond 2\^53/)
  })
})

const EMPTY: FetchedPartition = {
  topic: 'orders',
  partition: 0,
  errorCode: 0,
  highWatermark: 10,
  lastStableOffset: 10,
  logStartOffset: 0,
  aborted: null,
  records: null,
}
