import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { layoutOf, type RingShape } from '#src/shared/memory/ring/ring-layout.js'
import { readRing } from '#src/shared/memory/ring/read-ring.js'
import { RingMemory } from '#src/shared/memory/ring/ring-memory.js'

const shapes: fc.Arbitrary<RingShape> = fc.record({
  ordering: fc.constantFrom('key' as const, 'none' as const),
  lanes: fc.integer({ min: 1, max: 70 }),
  seats: fc.integer({ min: 1, max: 5 }),
  slotsPerSeat: fc.integer({ min: 1, max: 9 }),
  indexCapacity: fc.nat(8).map(power => 2 ** power),
  dataBytes: fc.integer({ min: 1, max: 100 }).map(words => words * 8),
  restored: fc.nat(5),
})

function create({ lanes, restored, ...shape }: RingShape): RingMemory {
  const inHand = Array.from({ length: restored }, (_, at) => ({ offset: at * 2, attempts: at }))
  return RingMemory.create(shape, { frontiers: new Array<number>(lanes).fill(100), inHand })
}

function viewsOf(memory: RingMemory): ArrayBufferView[] {
  const { header, longs, data, lanes, seats, slots, restored, index } = memory
  const groups = [lanes, seats, slots, restored, index]
  return [header, longs, data, ...groups.flatMap(group => Object.values<ArrayBufferView>(group))]
}

describe('the memory of a ring', () => {
  it('has a place of its own for every array, one behind the other', () => {
    fc.assert(
      fc.property(shapes, shape => {
        const places = viewsOf(create(shape)).sort(
          (a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength,
        )
        let end = 0
        for (const { byteOffset, byteLength } of places) {
          assert.ok(byteOffset >= end && byteOffset < end + 8)
          end = byteOffset + byteLength
        }
        assert.equal(end, layoutOf(shape).bytes)
      }),
    )
  })

  it('is found by its buffer alone', () => {
    fc.assert(
      fc.property(shapes, shape => {
        const memory = create(shape)
        const attached = RingMemory.attach(memory.buffer)
        assert.deepEqual(attached.shape, { ...shape })
        const places = (of: RingMemory): number[][] =>
          viewsOf(of).map(view => [view.byteOffset, view.byteLength])
        assert.deepEqual(places(attached), places(memory))
      }),
    )
  })

  it('says at first what it was made with', () => {
    fc.assert(
      fc.property(shapes, shape => {
        const { frontiers, inHand } = readRing(RingMemory.attach(create(shape).buffer))
        assert.deepEqual(frontiers, new Array(shape.lanes).fill(100))
        assert.deepEqual(
          inHand,
          Array.from({ length: shape.restored }, (_, at) => ({ offset: at * 2, attempts: at })),
        )
      }),
    )
  })
})
