import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClockStride } from '#src/worker/clock-stride.js'

/** Strides of a lane whose records cost this many microseconds each, one cost per stride. */
function strides(costsUs: readonly number[]): number[] {
  const stride = new ClockStride()
  let nowMs = 1000
  let allowed = stride.restart(nowMs)
  return costsUs.map(costUs => {
    nowMs += (allowed * costUs) / 1000
    return (allowed = stride.next(nowMs, allowed))
  })
}

describe('the stride between two looks at the clock', () => {
  it('doubles up to its maximum while records are fast', () => {
    assert.deepEqual(strides([0.2, 0.2, 0.2, 0.2, 0.2, 0.2]), [2, 4, 8, 16, 16, 16])
  })

  it('is one record while a record takes as long as may pass unwatched', () => {
    assert.deepEqual(strides([100, 250, 10_000]), [1, 1, 1])
  })

  it('lets no more work pass unwatched than is allowed', () => {
    assert.deepEqual(strides([19, 19, 19, 19]), [2, 4, 5, 5])
  })

  it('shrinks at once after one slow stride, and grows again step by step', () => {
    assert.deepEqual(strides([0.2, 0.2, 0.2, 0.2, 500, 0.2, 0.2]), [2, 4, 8, 16, 1, 2, 4])
  })

  it('survives a clock that stands still', () => {
    assert.deepEqual(strides([0, 0]), [2, 4])
  })
})
