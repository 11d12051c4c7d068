import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { retryDelayMs } from '#src/shared/retry-delay.js'

const SETTINGS = { attempts: 10, backoffMs: 500, maxBackoffMs: 30_000, jitter: 0.5 }

describe('the wait before the next attempt', () => {
  it('doubles from one to the next, up to its cap', () => {
    const waits = [1, 2, 3, 6, 7, 8, 999].map(failed => retryDelayMs({ ...SETTINGS, jitter: 0 }, failed))
    assert.deepEqual(waits, [500, 1000, 2000, 16_000, 30_000, 30_000, 30_000])
  })

  it('is all of it, or as much less as the jitter allows', () => {
    assert.equal(
      retryDelayMs(SETTINGS, 1, () => 0),
      500,
    )
    assert.equal(
      retryDelayMs(SETTINGS, 2, () => 0.5),
      750,
    )
    assert.equal(
      retryDelayMs({ ...SETTINGS, jitter: 1 }, 1, () => 1),
      0,
    )
  })

  it('lies where the options say, for all of them, and is whole', () => {
    const settings = fc.record({
      attempts: fc.integer({ min: 1, max: 1000 }),
      backoffMs: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      maxBackoffMs: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(settings, fc.integer({ min: 1, max: 1000 }), random, (given, failed, drawn) => {
        const full = Math.min(given.maxBackoffMs, given.backoffMs * 2 ** (failed - 1))
        const delay = retryDelayMs(given, failed, () => drawn)
        return Number.isInteger(delay) && delay <= full && delay >= full * (1 - given.jitter)
      }),
    )
  })
})
