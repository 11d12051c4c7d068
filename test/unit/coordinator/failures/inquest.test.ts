import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { inquest, type LaneEvidence } from '#src/coordinator/failures/inquest.js'
import { IN_HAND_AS } from '#src/shared/memory/lane-memory.js'

const evidence = (...inHand: LaneEvidence<number>['inHand'][]): LaneEvidence<number>[] =>
  inHand.map((one, lane) => ({ lane, inHand: one }))

describe('an inquest', () => {
  it('finds nobody where nothing was in hand', () => {
    assert.deepEqual(inquest('exit', evidence('nothing', 'nothing')), { guilty: null, suspects: [] })
  })

  it('finds the only lane with something in hand guilty, whatever it had', () => {
    for (const kind of ['exit', 'uncaught', 'out-of-memory'] as const)
      for (const inHand of ['slice', 'awaited', 'timed-out'] as const)
        assert.equal(inquest(kind, evidence('nothing', inHand)).guilty, 1)
  })

  it('finds the lane on the stack guilty of an exit, whatever else was awaited', () => {
    assert.deepEqual(inquest('exit', evidence('awaited', 'slice', 'timed-out')), { guilty: 1, suspects: [] })
  })

  it('suspects all where memory was used up, the one on the stack with those that were awaited', () => {
    assert.deepEqual(inquest('out-of-memory', evidence('awaited', 'slice', 'nothing')), {
      guilty: null,
      suspects: [0, 1],
    })
  })

  it('suspects all that were awaited when an exception was not caught, or somebody exited behind an await', () => {
    for (const kind of ['exit', 'uncaught'] as const)
      assert.deepEqual(inquest(kind, evidence('awaited', 'nothing', 'timed-out')).suspects, [0, 2])
  })

  it('never blames who had nothing in hand, and never one while it suspects several', () => {
    const lanes = fc
      .array(fc.constantFrom(...IN_HAND_AS), { maxLength: 6 })
      .map(inHand => evidence(...inHand))
    fc.assert(
      fc.property(fc.constantFrom('exit', 'uncaught', 'out-of-memory'), lanes, (kind, given) => {
        const { guilty, suspects } = inquest(kind, given)
        const blamed = [...(guilty === null ? [] : [guilty]), ...suspects]
        const inHand = given.filter(one => one.inHand !== 'nothing').length
        assert.ok(blamed.every(lane => given[lane]!.inHand !== 'nothing'))
        assert.ok(guilty === null || suspects.length === 0)
        assert.notEqual(suspects.length, 1)
        assert.equal(blamed.length === 0, inHand === 0)
      }),
    )
  })
})
