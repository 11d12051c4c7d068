import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { blame } from '#src/coordinator/failures/blame.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'

describe('blaming the record that ended its thread', () => {
  it('counts a first attempt that failed', () => {
    const memory = LaneMemory.create(7)
    assert.deepEqual(blame(memory), { offset: 7, attempt: 1 })
    assert.deepEqual(memory.remainder, { frontier: 8, inHand: [{ offset: 7, attempts: 1 }] })
    assert.deepEqual([memory.floor, memory.read().failed], [7, 1])
  })

  it('counts on, and leaves what stands behind the record as it was', () => {
    const memory = LaneMemory.create(7, 2, {
      frontier: 20,
      inHand: [
        { offset: 7, attempts: 2 },
        { offset: 12, attempts: 1 },
      ],
    })
    assert.deepEqual(blame(memory), { offset: 7, attempt: 3 })
    assert.deepEqual(memory.remainder, {
      frontier: 20,
      inHand: [
        { offset: 7, attempts: 3 },
        { offset: 12, attempts: 1 },
      ],
    })
  })

  it('blames no record of a batch, but has all of them run one at a time', () => {
    const memory = LaneMemory.create(7, 5)
    memory.setBatchEnd(12)
    assert.equal(blame(memory), null)
    assert.deepEqual([memory.remainder, memory.singlesBelow, memory.read().failed], [null, 12, 0])
  })

  it('counts each death in which one record was in hand, and loses nothing', () => {
    const deaths = fc.array(fc.boolean(), { maxLength: 30 })
    fc.assert(
      fc.property(fc.nat(1_000_000), deaths, (floor, finishes) => {
        const memory = LaneMemory.create(floor)
        let [at, attempts] = [floor, 0]
        for (const finishesNow of finishes) {
          if (finishesNow) memory.advanceFloor((at += 1))
          attempts = finishesNow ? 1 : attempts + 1
          assert.deepEqual(blame(memory), { offset: at, attempt: attempts })
          assert.equal(memory.floor, at)
        }
      }),
    )
  })
})
