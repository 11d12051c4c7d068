import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClaimProgress } from '#src/coordinator/progress/claim-progress.js'
import { createLaneMemory, workedByLane } from '#src/coordinator/partitions/work/lane-positions.js'
import { lanesOfClaim } from '#src/coordinator/progress/claim-lanes.js'
import { normally } from '#src/coordinator/progress/open-claim.js'
import {
  committableOf,
  progressAt,
  type OpenClaim,
  type Progress,
} from '#src/coordinator/progress/progress.js'
import type { LaneMemory } from '#src/shared/memory/lane-memory.js'
import type { RecordInHand } from '#src/shared/memory/remainder-memory.js'
import { processDeaths } from '../../../support/process-deaths.ts'

const RULES = { attempts: 3, carefulForMs: 1_000 }
const OWN = { ordering: 'partition', hash: null, lanes: 1 } as const

function stored(frontier: number, inHand: RecordInHand[] = [], open: OpenClaim = normally()): Progress {
  return { ...progressAt(frontier, 'id', open), inHand }
}

/** Of a claim whose single lane has this memory. */
function claim(offset: number, before: Progress): { progress: ClaimProgress; memory: LaneMemory } {
  const progress = new ClaimProgress(before, RULES)
  const memory = createLaneMemory(lanesOfClaim(progress.found, OWN, offset).start, 4)
  progress.follow(() => workedByLane(memory))
  return { progress, memory }
}

describe('the progress of a claim', () => {
  it('is what was stored until something happens', () => {
    const before = stored(110, [{ offset: 100, attempts: 2 }])
    const { progress, memory } = claim(100, before)
    assert.deepEqual(memory.remainder, { frontier: 110, inHand: before.inHand })
    assert.equal(memory.floor, 100)
    assert.equal(progress.isStored(progress.now), true)
  })

  it('changes with the floor, with an attempt and with what is in hand', () => {
    const { progress, memory } = claim(100, stored(100))
    memory.advanceFloor(105)
    assert.deepEqual(progress.now, stored(105))
    progress.wasStored(progress.now)
    memory.setRemainder({ frontier: 106, inHand: [{ offset: 105, attempts: 1 }] })
    assert.equal(progress.isStored(progress.now), false, 'an attempt has failed')
    assert.deepEqual(progress.now, stored(106, [{ offset: 105, attempts: 1 }]))
    assert.equal(committableOf(progress.now), 105)
    memory.advanceFloor(106)
    assert.deepEqual(progress.now, stored(106))
  })

  it('does not go by a progress of an earlier offset than the committed one', () => {
    const { memory } = claim(120, stored(130, [{ offset: 100, attempts: 1 }]))
    assert.deepEqual([memory.floor, memory.remainder], [120, null])
  })

  it('takes in more records than its own batches have', () => {
    const inHand = Array.from({ length: 9 }, (_, index) => ({ offset: 100 + index, attempts: 1 }))
    const { progress } = claim(100, stored(120, inHand))
    assert.deepEqual(progress.now.inHand, inHand)
  })

  it('is released without a sign of the claim, if that was an ordinary one', () => {
    const { progress } = claim(100, stored(100))
    assert.equal(progress.atRelease(false).open, null)
  })

  it('is released at rest by a careful claim: whoever is next goes on carefully', () => {
    const open = {
      ...normally(),
      deaths: processDeaths(2),
      window: { from: 100, to: 110, isAlone: false },
      isAtRest: true,
    }
    const { progress } = claim(100, stored(100, [], open))
    progress.careful!.announced({ from: 100, to: 101, isAlone: true })
    assert.deepEqual(progress.now.open, {
      ...normally(),
      deaths: processDeaths(2),
      window: { from: 100, to: 101, isAlone: true },
    })
    assert.deepEqual(progress.atRelease(false).open, open)
    progress.becomeOrdinary()
    assert.deepEqual([progress.now.open, progress.atRelease(false).open], [normally(), null])
  })

  it('names the record that kills processes, with its attempts used up', () => {
    const open = {
      ...normally(),
      deaths: processDeaths(3),
      window: { from: 100, to: 101, isAlone: true },
      isAtRest: true,
    }
    const { progress, memory } = claim(100, stored(101, [{ offset: 100, attempts: 1 }], open))
    assert.deepEqual(progress.killer, { offset: 100, attempts: 3, deaths: 3 })
    assert.deepEqual(memory.remainder?.inHand, [{ offset: 100, attempts: 3 }])
    assert.equal(progress.isStored(progress.now), false)
    assert.equal(progress.atRelease(false).open?.deaths.length, 3)
    assert.equal(progress.atRelease(true).open, null, 'it stopped there, and somebody has seen to it')
  })
})
