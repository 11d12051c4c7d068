import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CarefulClaim } from '#src/coordinator/progress/careful-claim.js'
import { claimedBy } from '#src/coordinator/progress/open-claim.js'
import { findKiller, killedProcess } from '#src/coordinator/progress/process-killer.js'
import {
  committableOf,
  progressAt,
  type OpenClaim,
  type Progress,
} from '#src/coordinator/progress/progress.js'
import { processDeaths } from '../../../support/process-deaths.ts'

const LONE = { from: 100, to: 101, isAlone: true }

function died(deaths: number, attempts: number, change: Partial<OpenClaim> = {}): Progress {
  const open = { process: 'p', deaths: processDeaths(deaths), window: LONE, isAtRest: true, ...change }
  return { ...progressAt(101, 'id', open), inHand: [{ offset: 100, attempts }] }
}

describe('the record that kills its process', () => {
  it('is given up once as many processes have died as a record has attempts, if it was alone', () => {
    const { progress, killer } = findKiller(died(3, 1), 3)
    assert.deepEqual(killer, { offset: 100, attempts: 3, deaths: 3 })
    assert.deepEqual(progress.inHand, [{ offset: 100, attempts: 3 }])
    assert.equal(findKiller(died(2, 1), 3).killer, null)
  })

  it('is not given up while processes that seemed to have died are alive', () => {
    assert.equal(findKiller(died(3, 3), 3, new Set(['dead 0', 'dead 1', 'dead 2'])).killer, null)
    assert.equal(findKiller(died(3, 1), 3, new Set(['dead 1'])).killer, null)
    assert.notEqual(findKiller(died(4, 1), 3, new Set(['dead 1'])).killer, null)
  })

  it('is given up when its own attempts are used up', () => {
    assert.deepEqual(findKiller(died(2, 3), 3).killer, { offset: 100, attempts: 3, deaths: 2 })
  })

  it('is not known of one that was not alone, or that only waited', () => {
    assert.equal(findKiller(died(9, 1, { window: { ...LONE, isAlone: false } }), 3).killer, null)
    assert.equal(findKiller(died(9, 1, { isAtRest: false }), 3).killer, null)
    assert.equal(findKiller(died(9, 1, { window: null }), 3).killer, null)
    assert.equal(findKiller({ ...died(9, 1), inHand: [] }, 3).killer, null)
  })

  it('is told with where it is and how many have died', () => {
    const error = killedProcess({ topic: 't', partition: 1 }, { offset: 100, attempts: 3, deaths: 4 })
    assert.equal(error.code, 'HANDLER_KILLED_PROCESS')
    assert.deepEqual(error.details, { topic: 't', partition: 1, offset: 100, attempt: 3, deaths: 4 })
    assert.match(error.message, /offset 100 of t\/1 .* 4 processes/)
  })

  for (const attempts of [1, 2, 3, 4, 7])
    it(`is found after ${Math.max(attempts, 3)} deaths with ${attempts} attempts, wherever it is, and no other is blamed`, () => {
      fc.assert(
        fc.property(fc.nat(40), fc.integer({ min: 1, max: 20 }), (killer, windowSize) => {
          const { deaths, blamed } = live(killer, windowSize, attempts)
          assert.deepEqual([deaths, blamed], [Math.max(attempts, 3), killer])
        }),
      )
    })
})

/** Processes that run one partition from record 0 on, one after the other, each until record `killer` kills it. */
function live(killer: number, windowSize: number, attempts: number): { deaths: number; blamed: number } {
  let stored: Progress = progressAt(0, 'id')
  for (let deaths = 0; ; deaths += 1) {
    const claimed = claimedBy(stored, `process ${deaths}`)
    const found = findKiller(claimed, attempts).killer
    if (found !== null) return { deaths, blamed: found.offset }
    assert.ok(deaths < 20, 'nothing is ever found')
    const careful = CarefulClaim.of(claimed, 10_000)
    stored = careful === null ? claimed : runCarefully(claimed, careful, killer, windowSize)
  }
}

/** What is stored when the process dies. */
function runCarefully(
  claimed: Progress,
  careful: CarefulClaim,
  killer: number,
  windowSize: number,
): Progress {
  const { aloneFrom, aloneBelow } = careful.start
  for (let from = committableOf(claimed); ;) {
    const inHand = claimed.inHand.filter(({ offset }) => offset >= from)
    const progress = { ...progressAt(inHand.length > 0 ? claimed.frontiers[0]! : from, 'id'), inHand }
    const isAlone = from >= aloneFrom && from < aloneBelow
    const end = from < aloneFrom ? Math.min(from + windowSize, aloneFrom) : from + windowSize
    const to = isAlone ? from + 1 : end
    assert.equal(careful.ran({ from, to, isAlone, hasSuspects: false, ranMs: 1 }, progress), false)
    careful.announced({ from, to, isAlone })
    const stored = { ...progress, open: careful.openAt(progress) }
    if (killer < to) return stored
    from = to
    careful.rest()
  }
}
