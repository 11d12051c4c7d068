import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CarefulClaim } from '#src/coordinator/progress/careful-claim.js'
import { normally } from '#src/coordinator/progress/open-claim.js'
import { progressAt, type OpenClaim, type Progress, type Window } from '#src/coordinator/progress/progress.js'
import type { RecordInHand } from '#src/shared/memory/remainder-memory.js'
import type { Announcement } from '#src/shared/protocol.js'
import { processDeaths } from '../../../support/process-deaths.ts'

const window = (from: number, to: number, isAlone = false): Window => ({ from, to, isAlone })
const at = (offset: number): Progress => progressAt(offset, null)
/** Of a ring with one lane. */
const ringAt = (frontier: number, ...inHand: number[]): Progress => ({
  ...progressAt(frontier, null),
  ordering: 'key',
  inHand: inHand.map(offset => ({ offset, attempts: 0 })),
})
const FOR_MS = 1_000

function careful(
  deaths: number,
  suspects: Window | null,
  inHand: readonly RecordInHand[] = [],
): CarefulClaim {
  const open: OpenClaim = { ...normally(), deaths: processDeaths(deaths), window: suspects, isAtRest: true }
  return new CarefulClaim(open, FOR_MS, inHand)
}

/** It asks for what begins there, after it has run for so long. */
function asks(ranMs: number, from: number, how: Partial<Announcement> = {}): Announcement {
  return { from, to: from + 1, isAlone: false, hasSuspects: false, ranMs, ...how }
}

describe('a careful claim', () => {
  it('is one after a death, and only then', () => {
    assert.equal(CarefulClaim.of(progressAt(0, null, normally()), FOR_MS), null)
    const open = { ...normally(), deaths: processDeaths(1), isAtRest: true }
    assert.notEqual(CarefulClaim.of(progressAt(0, null, open), FOR_MS), null)
  })

  it('runs alone what might have run when the last process died', () => {
    const none = { aloneInHand: [], aloneForMs: 5_000 }
    assert.deepEqual(careful(2, window(10, 20)).start, { aloneFrom: 10, aloneBelow: 20, ...none })
    assert.deepEqual(careful(1, null).start, { aloneFrom: 0, aloneBelow: 0, ...none })
  })

  it('waits longer for one that hangs alone the more processes have died', () => {
    assert.deepEqual(
      [2, 3, 4, 20].map(deaths => careful(deaths, window(10, 20)).start.aloneForMs),
      [5_000, 10_000, 20_000, 600_000],
    )
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
    assert.equal(claim.ran(asks(5_000, 19), at(19)), false)
    assert.equal(claim.ran(asks(0, 20), at(20)), true)
    assert.deepEqual(
      [999, 1].map(ms => careful(1, null).ran(asks(ms, 0), at(0))),
      [false, false],
    )
    const other = careful(1, null)
    assert.deepEqual([other.ran(asks(999, 0), at(0)), other.ran(asks(1, 5), at(5))], [false, true])
  })

  it('has not passed what waits in hand, whatever was finished behind it', () => {
    const claim = careful(2, window(10, 20))
    claim.announced(window(15, 16, true))
    const waits = { frontiers: [16, 30], inHand: [{ offset: 12, attempts: 1 }] }
    claim.rest()
    assert.deepEqual(claim.openAt({ ordering: 'key', ...waits }), {
      ...normally(),
      deaths: processDeaths(2),
      window: window(12, 20),
      isAtRest: true,
    })
    assert.equal(claim.ran(asks(FOR_MS, 25, { hasSuspects: true }), waits), false)
    assert.equal(claim.ran(asks(0, 25, { isAlone: true }), waits), false)
    assert.equal(claim.openAt({ ordering: 'key', ...waits }).deaths.length, 2)
    assert.equal(claim.ran(asks(0, 25, { isAlone: true }), ringAt(30, 24)), true)
    const before = { frontiers: [25, 30], inHand: [{ offset: 9, attempts: 1 }] }
    const isOver = careful(2, window(10, 20)).ran(asks(FOR_MS, 9), before)
    assert.equal(isOver, true, 'one from before them is run again')
  })
})

describe('a careful claim of a ring', () => {
  const inHand = [3, 12, 25].map(offset => ({ offset, attempts: 0 }))

  it('suspects what was in hand beside the window as well, unless a record was alone', () => {
    assert.deepEqual(careful(2, window(10, 20), inHand).start.aloneInHand, [3, 25])
    assert.deepEqual(careful(2, window(12, 13, true), inHand).start.aloneInHand, [])
    assert.deepEqual(careful(1, null, inHand).start.aloneInHand, [], 'of an ordinary claim nothing is known')
    const open = { ...normally(), deaths: processDeaths(2), window: window(10, 20), isAtRest: true }
    const ofLane = CarefulClaim.of({ ...progressAt(30, null, open), inHand }, FOR_MS)!
    assert.deepEqual(ofLane.start.aloneInHand, [], 'a lane runs one after the other')
  })

  it('is not at rest while something of it is in hand, though its window is passed', () => {
    const claim = careful(1, null)
    claim.announced(window(10, 20))
    assert.deepEqual(claim.openAt(ringAt(20, 4)).window, window(10, 20))
    assert.equal(claim.openAt(ringAt(20, 4)).isAtRest, false)
    assert.equal(claim.openAt(ringAt(20)).isAtRest, true)
    claim.rest()
    assert.equal(claim.openAt(ringAt(20, 4)).isAtRest, true, 'its threads have left it')
  })

  it('lays no death to a record that hangs once it is alone no longer, and suspects it behind newer ones', () => {
    const claim = careful(2, window(10, 11))
    claim.announced(window(10, 11, true))
    claim.goesOn()
    const open = claim.openAt(ringAt(20, 10))
    assert.deepEqual([open.window, open.isAtRest], [window(11, 12), false])
    assert.deepEqual(new CarefulClaim(open, FOR_MS, ringAt(20, 10).inHand).start.aloneInHand, [10])
  })

  it('is past its suspects when it goes on behind them, though some still hang or wait for others', () => {
    const claim = careful(2, window(10, 20), inHand)
    const positions = ringAt(30, 3, 12, 25)
    assert.equal(claim.ran(asks(FOR_MS, 26, { hasSuspects: true }), positions), false, 'some are left to run')
    assert.equal(claim.ran(asks(0, 15), positions), false)
    assert.equal(claim.ran(asks(0, 20), positions), true)
    assert.equal(claim.openAt(positions).deaths.length, 1)
  })

  it('is past them when they are finished, and hands on what is left', () => {
    const claim = careful(2, window(10, 20), inHand)
    assert.deepEqual(claim.openAt(ringAt(30, 3, 12, 25)).window, window(12, 20))
    const { window: left } = claim.openAt(ringAt(30, 3, 25))
    assert.deepEqual(left, window(25, 26))
    assert.deepEqual(careful(2, left, ringAt(30, 3, 25).inHand).start.aloneInHand, [3])
    assert.equal(claim.openAt(ringAt(30, 25)).deaths.length, 2)
    assert.deepEqual(claim.openAt(ringAt(30)), {
      ...normally(),
      deaths: processDeaths(2).slice(-1),
      window: null,
      isAtRest: true,
    })
  })
})
