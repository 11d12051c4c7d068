import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lanesOfClaim, ownSettings } from '#src/coordinator/progress/claim-lanes.js'
import { progressAt, type Progress } from '#src/coordinator/progress/progress.js'
import type { LaneSettings } from '#src/shared/ordering.js'

const PARTITION: LaneSettings = { ordering: 'partition', hash: null, lanes: 1 }
const NONE: LaneSettings = { ordering: 'none', hash: null, lanes: 1 }
const byKey = (lanes: number): LaneSettings => ({
  ordering: 'key',
  hash: lanes === 1 ? null : 'xxh32',
  lanes,
})

const IN_HAND = [
  { offset: 100, attempts: 2 },
  { offset: 104, attempts: 0 },
]

function stored(frontiers: number[], { ordering, hash } = byKey(frontiers.length)): Progress {
  return { ...progressAt(0, 'id'), ordering, hash, frontiers, inHand: IN_HAND }
}

describe('the settings of a member', () => {
  it('have several lanes, and a hash, only by key', () => {
    assert.deepEqual(ownSettings({ ordering: 'key', lanesPerPartition: 64 }), byKey(64))
    assert.deepEqual(ownSettings({ ordering: 'key', lanesPerPartition: 1 }), byKey(1))
    assert.deepEqual(ownSettings({ ordering: 'none', lanesPerPartition: 64 }), NONE)
    assert.deepEqual(ownSettings({ ordering: 'partition', lanesPerPartition: 64 }), PARTITION)
  })
})

describe('a claim', () => {
  it('goes on as stored where its settings are the own ones, level or not', () => {
    for (const frontiers of [
      [110, 120, 105],
      [110, 110, 110],
    ])
      assert.deepEqual(lanesOfClaim(stored(frontiers), byKey(3), 100), {
        run: byKey(3),
        start: { frontiers, inHand: IN_HAND },
        levelAt: null,
      })
  })

  it('starts all lanes at the committed offset where nothing is stored, or only of an earlier one', () => {
    const start = { frontiers: [101, 101], inHand: [] }
    for (const progress of [null, stored([110, 120]), progressAt(100, 'id')])
      assert.deepEqual(lanesOfClaim(progress, byKey(2), 101), { run: byKey(2), start, levelAt: null })
  })

  it('adopts the own settings where the lanes that are stored are level, with what is in hand', () => {
    const level = [stored([110, 110]), stored([110], PARTITION), stored([110], NONE), stored([110], byKey(1))]
    for (const progress of level)
      for (const own of [PARTITION, NONE, byKey(1), byKey(3)])
        assert.deepEqual(lanesOfClaim(progress, own, 100), {
          run: own,
          start: { frontiers: Array<number>(own.lanes).fill(110), inHand: IN_HAND },
          levelAt: null,
        })
  })

  it('runs other lanes as they are stored until all have met the one that is furthest', () => {
    const frontiers = [110, 120, 105]
    for (const own of [PARTITION, NONE, byKey(2), byKey(4)])
      assert.deepEqual(lanesOfClaim(stored(frontiers), own, 100), {
        run: byKey(3),
        start: { frontiers, inHand: IN_HAND },
        levelAt: 120,
      })
  })
})
