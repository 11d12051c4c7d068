import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readResetTarget } from '#src/options/reset-target.js'

const NOON = Date.UTC(2026, 0, 31, 12)

describe('where to reset to', () => {
  it('is an end of the log, an offset, or a time with its zone', () => {
    const meanings: [given: unknown, meaning: unknown][] = [
      ['earliest', 'earliest'],
      ['latest', 'latest'],
      [0, { offset: 0 }],
      [12n, { offset: 12 }],
      [new Date(NOON), { timestampMs: NOON }],
      ['2026-01-31T12:00:00Z', { timestampMs: NOON }],
      ['2026-01-31T12:00Z', { timestampMs: NOON }],
      ['2026-01-31T13:00:00.250+01:00', { timestampMs: NOON + 250 }],
      ['1970-01-01T00:00:00Z', { timestampMs: 0 }],
    ]
    for (const [given, meaning] of meanings) assert.deepEqual(readResetTarget(given), meaning, String(given))
  })

  it('is nothing that could be meant otherwise', () => {
    const none: unknown[] = [
      '2026-01-31T12:00:00', // where?
      '2026-01-31',
      '2026-02-30T12:00:00Z',
      '2026-01-31T25:00:00Z',
      '1969-12-31T23:59:59.999Z', // -1 ms: to Kafka the end of the log
      new Date(-2),
      new Date(Number.NaN),
      'Latest',
      'yesterday',
      '12',
      -1,
      1.5,
      2 ** 53,
      2n ** 64n,
      null,
      undefined,
      {},
    ]
    for (const given of none) assert.equal(readResetTarget(given), null, String(given))
  })
})
