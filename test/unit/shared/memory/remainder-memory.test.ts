import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { MAX_ATTEMPTS, type Remainder } from '#src/shared/memory/remainder-memory.js'

const MODULE = new URL('../../../../../dist/shared/memory/lane-memory.js', import.meta.url).href

const MAX_IN_HAND = 20

/** A remainder as lanes leave it: the offsets in hand rise, and lie below the frontier. */
const remainders: fc.Arbitrary<Remainder> = fc
  .record({
    first: fc.oneof(fc.nat(1000), fc.constant(2 ** 53 - 10_000)),
    steps: fc.array(fc.record({ by: fc.integer({ min: 1, max: 50 }), attempts: fc.nat(MAX_ATTEMPTS) }), {
      maxLength: MAX_IN_HAND,
    }),
    beyond: fc.integer({ min: 1, max: 50 }),
    singles: fc.nat(100),
  })
  .map(({ first, steps, beyond }) => {
    let offset = first
    const inHand = steps.map(({ by, attempts }) => ({ offset: (offset += by), attempts }))
    return { frontier: offset + beyond, inHand }
  })

describe('the remainder of a lane', () => {
  it('gives back what was written last, the attempts with their offsets', () => {
    fc.assert(
      fc.property(fc.array(remainders, { minLength: 1, maxLength: 5 }), written => {
        const memory = LaneMemory.create(0, MAX_IN_HAND)
        const reader = LaneMemory.attach(memory.buffer)
        for (const remainder of written) {
          memory.setRemainder(remainder)
          assert.deepEqual(reader.remainder, remainder.inHand.length === 0 ? null : remainder)
        }
      }),
    )
  })

  it('sets the floor to the first record in hand, else to the frontier', () => {
    fc.assert(
      fc.property(remainders, remainder => {
        const memory = LaneMemory.create(0, MAX_IN_HAND, remainder)
        assert.equal(memory.floor, remainder.inHand[0]?.offset ?? remainder.frontier)
      }),
    )
  })

  it('leaves out what the floor has passed, and is void once that has reached the frontier', () => {
    fc.assert(
      fc.property(remainders, fc.nat(1500), (remainder, offset) => {
        const memory = LaneMemory.create(0, MAX_IN_HAND, remainder)
        const floor = Math.max(offset, 1)
        memory.advanceFloor(floor)
        const left = remainder.inHand.filter(record => record.offset >= floor)
        assert.deepEqual(memory.remainder, left.length === 0 ? null : { ...remainder, inHand: left })
        assert.equal(memory.floor, left[0]?.offset ?? Math.max(floor, remainder.frontier))
      }),
    )
  })

  it('refuses more records than fit, and keeps what was written before', () => {
    const memory = LaneMemory.create(0, 1)
    const before = { frontier: 6, inHand: [{ offset: 5, attempts: 1 }] }
    memory.setRemainder(before)
    const inHand = [7, 8].map(offset => ({ offset, attempts: 0 }))
    assert.throws(() => memory.setRemainder({ frontier: 9, inHand }), RangeError)
    assert.deepEqual(memory.remainder, before)
  })

  it('takes in all that an earlier owner left in hand, however many that are', () => {
    const inHand = Array.from({ length: 30 }, (_, index) => ({ offset: index * 2, attempts: index }))
    const remainder = { frontier: 100, inHand }
    assert.deepEqual(LaneMemory.create(0, 1, remainder).remainder, remainder)
  })

  it('shows the attempts of the record at the floor, and none of one behind it', () => {
    const inHand = [
      { offset: 5, attempts: 2 },
      { offset: 8, attempts: 1 },
    ]
    const memory = LaneMemory.create(5, 2, { frontier: 10, inHand })
    assert.equal(memory.read().attempts, 2)
    memory.advanceFloor(7)
    assert.equal(memory.read().floor, 8)
    assert.equal(memory.read().attempts, 1)
    memory.advanceFloor(9)
    assert.equal(memory.read().attempts, 0)
  })

  it('is never torn for a reader while its writer goes on, nor by the end of the writer in the middle', async () => {
    const memory = LaneMemory.create(0, MAX_IN_HAND)
    // Entry i of write n: offset n * 100 + i, n % 1000 attempts; so that a mix of two writes shows.
    const program = `import { workerData } from 'node:worker_threads'
      import { LaneMemory } from ${JSON.stringify(MODULE)}
      const memory = LaneMemory.attach(workerData)
      for (let n = 1; ; n++)
        memory.setRemainder({ frontier: n * 100 + 50,
          inHand: Array.from({ length: n % ${MAX_IN_HAND} }, (_, i) => ({ offset: n * 100 + i, attempts: n % 1000 })) })`
    const writer = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
      workerData: memory.buffer,
    })
    await once(writer, 'online')
    let last = 0
    for (let reads = 0; last < 20_000; reads++) {
      if (reads % 1000 === 0) await new Promise(setImmediate) // the thread's start needs turns of this one
      last = assertWhole(memory, last)
    }
    await writer.terminate()
    assertWhole(memory, last)
  })
})

/** Returns which write it saw. */
function assertWhole(memory: LaneMemory, last: number): number {
  const remainder = memory.remainder
  if (remainder === null) return last
  const { frontier, inHand } = remainder
  const n = Math.floor(frontier / 100)
  assert.equal(frontier, n * 100 + 50)
  assert.equal(inHand.length, n % MAX_IN_HAND)
  assert.ok(inHand.every((record, i) => record.offset === n * 100 + i && record.attempts === n % 1000))
  assert.ok(n >= last, `write ${n} was read after write ${last}`)
  return n
}
