import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { claimedBy, exculpated, leftOf, normally } from '#src/coordinator/progress/open-claim.js'
import {
  progressAt,
  type OpenClaim,
  type ProcessDeath,
  type Progress,
  type Window,
} from '#src/coordinator/progress/progress.js'
import { processDeaths } from '../../../support/process-deaths.ts'

const US = 'us'
const NORMAL: OpenClaim = { process: 'them', deaths: [], window: null, isAtRest: false }
const THEIRS: ProcessDeath = { process: 'them', alone: null }
const window = (from: number, to: number, isAlone = false): Window => ({ from, to, isAlone })
const at100 = (open: OpenClaim | null): Progress => progressAt(100, 'id', open)

describe('a claim', () => {
  it('of a partition that was released is an ordinary one', () => {
    assert.deepEqual(claimedBy(at100(null), US), at100(normally(US)))
  })

  it('of a partition whose process died knows of the death, and begins at rest', () => {
    const claimed = claimedBy(at100(NORMAL), US)
    assert.deepEqual(claimed.open, { process: US, deaths: [THEIRS], window: null, isAtRest: true })
  })

  it('knows what might run when the process died', () => {
    const running = { ...NORMAL, deaths: processDeaths(1), window: window(100, 120) }
    const claimed = claimedBy(at100(running), US)
    assert.deepEqual(
      claimed,
      at100({ process: US, deaths: [...processDeaths(1), THEIRS], window: window(100, 120), isAtRest: true }),
    )
  })

  it('counts no death of a process that ran nothing of the partition', () => {
    const resting = { ...NORMAL, deaths: processDeaths(2), window: window(100, 120), isAtRest: true }
    assert.deepEqual(claimedBy(at100(resting), US).open, { ...resting, process: US })
  })

  it('counts no death where its own process had it before', () => {
    assert.deepEqual(claimedBy(at100({ ...NORMAL, process: US }), US).open, normally(US))
    const alone = { process: US, deaths: processDeaths(2), window: window(100, 101, true), isAtRest: false }
    assert.deepEqual(
      claimedBy(at100(alone), US),
      at100({ ...alone, window: window(100, 101), isAtRest: true }),
    )
  })

  it('lays a death to the record that was alone, and to no other', () => {
    const alone = { ...NORMAL, deaths: processDeaths(2), window: window(103, 104, true) }
    const claimed = claimedBy(at100(alone), US)
    assert.deepEqual([claimed.frontiers, claimed.inHand], [[104], [{ offset: 103, attempts: 1 }]])
    const several = claimedBy(at100({ ...alone, window: window(103, 104, false) }), US)
    assert.deepEqual([several.frontiers, several.inHand], [[100], []])
  })

  it('adds the death to the attempts that failed before', () => {
    const inHand = [
      { offset: 100, attempts: 1 },
      { offset: 105, attempts: 1000 },
    ]
    const open = { ...NORMAL, deaths: processDeaths(2), window: window(100, 101, true) }
    const progress = { ...progressAt(110, 'id', open), inHand }
    assert.deepEqual(claimedBy(progress, US).inHand, [{ offset: 100, attempts: 2 }, inHand[1]])
    const last = { ...progress, open: { ...open, window: window(105, 106, true) } }
    assert.deepEqual(claimedBy(last, US).inHand, inHand, 'no more can be counted')
  })

  it('says nothing of a lone record where that would pass others', () => {
    const open = { ...NORMAL, deaths: processDeaths(2), window: window(120, 121, true) }
    const progress = { ...progressAt(110, 'id', open), inHand: [{ offset: 100, attempts: 1 }] }
    assert.deepEqual(
      [claimedBy(progress, US).frontiers, claimedBy(progress, US).inHand],
      [[110], progress.inHand],
    )
    const finished = { ...progress, open: { ...open, window: window(105, 106, true) } }
    assert.deepEqual(claimedBy(finished, US).inHand, progress.inHand)
  })

  it('blames with several lanes only a record in hand', () => {
    const open = { ...NORMAL, deaths: processDeaths(2), window: window(105, 106, true) }
    const lanes: Progress = {
      ...progressAt(0, 'id', open),
      ordering: 'key',
      hash: 'xxh32',
      frontiers: [101, 110],
    }
    const inHand = [
      { offset: 99, attempts: 1 },
      { offset: 105, attempts: 0 },
    ]
    const claimed = claimedBy({ ...lanes, inHand }, US)
    assert.deepEqual(
      [claimed.frontiers, claimed.inHand],
      [
        [101, 110],
        [inHand[0], { offset: 105, attempts: 1 }],
      ],
    )
    assert.deepEqual(claimedBy({ ...lanes, frontiers: [101, 102] }, US).inHand, [])
    const taken: Progress = { ...progressAt(100, 'id', open), ordering: 'none' }
    assert.deepEqual([claimedBy(taken, US).frontiers, claimedBy(taken, US).inHand], [[100], []])
  })
})

describe('processes that are alive after all', () => {
  const lost = { offset: 100, attempts: 2 }
  const progress = (open: Partial<OpenClaim>): Progress => ({
    ...progressAt(101, 'id', {
      ...NORMAL,
      process: US,
      window: window(100, 101, true),
      isAtRest: true,
      ...open,
    }),
    inHand: [lost],
  })

  it('leave an ordinary claim behind, if no other has died', () => {
    const found = exculpated(progress({ deaths: processDeaths(2) }), new Set(['dead 0', 'dead 1', 'other']))
    assert.deepEqual(found.open, normally(US))
  })

  it('take back the attempts that seemed to have ended with them, and leave the others', () => {
    const [first, second] = processDeaths(2, 100)
    const found = exculpated(progress({ deaths: [first!, second!] }), new Set(['dead 0']))
    assert.deepEqual(found.inHand, [{ offset: 100, attempts: 1 }])
    assert.deepEqual(found.open!.deaths, [second])
    assert.deepEqual(exculpated(progress({ deaths: processDeaths(1, 99) }), new Set(['dead 0'])).inHand, [
      lost,
    ])
  })

  it('change nothing where none of them is named', () => {
    const named = progress({ deaths: processDeaths(1, 100) })
    assert.equal(exculpated(named, new Set([US])), named)
    assert.deepEqual(exculpated(at100(null), new Set([US])), at100(null))
  })

  it('are told from the dead although each claim adds one', () => {
    const alone = { ...NORMAL, deaths: processDeaths(30), window: window(100, 101, true) }
    const { deaths } = claimedBy(at100(alone), US).open!
    assert.equal(deaths.length, 20, 'no more are kept')
    assert.deepEqual(deaths.at(-1), { process: 'them', alone: 100 })
  })
})

describe('a window', () => {
  it('is over where all of it is passed', () => {
    const at = (offset: number): Progress => progressAt(offset, null)
    assert.equal(leftOf(window(5, 8), at(8)), null)
    assert.deepEqual(leftOf(window(5, 8), at(7)), window(7, 8))
    assert.deepEqual(leftOf(window(5, 8), at(3)), window(5, 8))
    assert.equal(leftOf(null, at(0)), null)
  })

  it('is over with several lanes once all have passed it and none of it is in hand', () => {
    const inHand = [
      { offset: 4, attempts: 1 },
      { offset: 6, attempts: 1 },
    ]
    assert.deepEqual(leftOf(window(5, 8), { frontiers: [9, 12], inHand }), window(6, 8))
    assert.equal(leftOf(window(7, 8, true), { frontiers: [9, 12], inHand }), null)
    assert.deepEqual(leftOf(window(5, 8), { frontiers: [12, 7], inHand: [] }), window(7, 8))
    assert.deepEqual(leftOf(window(5, 8), { frontiers: [12, 2], inHand: [] }), window(5, 8))
  })
})
