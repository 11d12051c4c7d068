import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CarefulClaim } from '#src/coordinator/progress/careful-claim.js'
import { normally } from '#src/coordinator/progress/open-claim.js'
import { progressAt, type OpenClaim, type Window } from '#src/coordinator/progress/progress.js'
import { processDeaths } from '../../../support/process-deaths.ts'

const window = (from: number, to: number, isAlone = false): Window => ({ from, to, isAlone })
const at = (offset: number): ReturnType<typeof progressAt> => progressAt(offset, null)
const FOR_MS = 1_000

function careful(deaths: number, suspects: Window | null): CarefulClaim {
  const open: OpenClaim = { ...normally(), deaths: processDeaths(deaths), window: suspects, isAtRest: true }
  return new CarefulClaim(open, FOR_MS)
}

describe('a careful claim', () => {
  it('is one after a death, and only then', () => {
    assert.equal(CarefulClaim.of(normally(), FOR_MS), null)
    assert.notEqual(
      CarefulClaim.of({ ...normally(), deaths: processDeaths(1), isAtRest: true }, FOR_MS),
      null,
    )
  })

  it('runs alone what might have run when the last process died', () => {
    assert.deepEqual(careful(2, window(10, 20)).start, { aloneFrom: 10, aloneBelow: 20 })
    assert.deepEqual(careful(1, null).start, { aloneFrom: 0, aloneBelow: 0 })
  })

  it('is at rest until something is announced, and once that is finished or over', () => {
    const claim = careful(2, window(10, 20))
    assert.deepEqual(claim.openAt(at(10)), {
      ...normally(),
      deaths: processDeaths(2),
      window: window(10, 20),
      isAtRest: true,
    })
    claim.announced(window(12, 13, true))
    assert.deepEqual(claim.openAt(at(12)), {
      ...normally(),
      deaths: processDeaths(2),
      window: window(12, 13, true),
    })
    assert.deepEqual(claim.openAt(at(13)), {
      ...normally(),
      deaths: processDeaths(2),
      window: window(13, 20),
      isAtRest: true,
    })
    claim.rest()
    assert.deepEqual(claim.openAt(at(12)), {
      ...normally(),
      deaths: processDeaths(2),
      window: window(13, 20),
      isAtRest: true,
    })
  })

  it('forgets the deaths behind the records that might have caused them, but for one', () => {
    const LAST = processDeaths(5).slice(-1)
    const claim = careful(5, window(10, 20))
    assert.equal(claim.openAt(at(19)).deaths.length, 5)
    assert.deepEqual(claim.openAt(at(20)), { ...normally(), deaths: LAST, window: null, isAtRest: true })
    claim.announced(window(20, 30))
    assert.deepEqual(claim.openAt(at(20)), { ...normally(), deaths: LAST, window: window(20, 30) })
  })

  it('ends when it has run for long enough behind them', () => {
    const claim = careful(2, window(10, 20))
    assert.equal(claim.ran(5_000, 19, at(19)), false)
    assert.equal(claim.ran(0, 20, at(20)), true)
    assert.deepEqual(
      [999, 1].map(ms => careful(1, null).ran(ms, 0, at(0))),
      [false, false],
    )
    const other = careful(1, null)
    assert.deepEqual([other.ran(999, 0, at(0)), other.ran(1, 5, at(5))], [false, true])
  })

  it('has not passed what waits in hand, whatever was finished behind it', () => {
    const claim = careful(2, window(10, 20))
    claim.announced(window(15, 16, true))
    const waits = { frontiers: [16, 30], inHand: [{ offset: 12, attempts: 1 }] }
    assert.deepEqual(claim.openAt(waits), {
      ...normally(),
      deaths: processDeaths(2),
      window: window(12, 20),
      isAtRest: true,
    })
    assert.equal(claim.ran(FOR_MS, 25, waits), false)
    assert.equal(claim.openAt(waits).deaths, 2)
    assert.equal(claim.ran(0, 25, { ...waits, inHand: [{ offset: 24, attempts: 1 }] }), true)
    const before = { frontiers: [25, 30], inHand: [{ offset: 9, attempts: 1 }] }
    assert.equal(careful(2, window(10, 20)).ran(FOR_MS, 9, before), true, 'one from before them is run again')
  })
})
