import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DeathStreaks } from '#src/coordinator/failures/death-streaks.js'
import { Suspicion } from '#src/coordinator/failures/suspicion.js'

describe('suspicion', () => {
  it('lasts twice as long each time it comes back to the same record, up to a bound', () => {
    const suspicion = new Suspicion()
    assert.deepEqual(
      [1, 2, 3].map(() => suspicion.raise(7)),
      [5000, 10_000, 20_000],
    )
    assert.equal(suspicion.raise(8), 5000)
    const raised = Array.from({ length: 40 }, () => suspicion.raise(8))
    assert.equal(raised.at(-1), 600_000)
  })
})

describe('deaths in a row', () => {
  it('are too many at the fifth of one place that brings nothing', () => {
    const streaks = new DeathStreaks()
    assert.deepEqual(
      [1, 2, 3, 4].map(() => streaks.died(0, false)),
      [false, false, false, false],
    )
    assert.equal(streaks.died(1, false), false)
    assert.equal(streaks.died(0, true), false)
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => streaks.died(0, false)),
      [false, false, false, false, true],
    )
  })
})
