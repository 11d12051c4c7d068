import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { LaneMemory, WAIT_REASONS } from '#src/shared/memory/lane-memory.js'
import { eventually } from '../../../support/eventually.ts'

const offsets = fc.oneof(
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.integer({ min: -3, max: 3 }).map(delta => 2 ** 32 + delta),
  fc.integer({ min: -3, max: 3 }).map(delta => 2 ** 31 + delta),
)

/** Enough for the loop to be compiled with everything in it. */
const LAST = 2_000_000

const MODULE = new URL('../../../../../dist/shared/memory/lane-memory.js', import.meta.url).href

/** A thread that runs the code with the `memory`. */
function writerThread(memory: LaneMemory, code: string): Worker {
  const program = `import { workerData } from 'node:worker_threads'
    import { LaneMemory } from ${JSON.stringify(MODULE)}
    const memory = LaneMemory.attach(workerData)
    ${code}`
  const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`)
  return new Worker(url, { workerData: memory.buffer })
}

/** A thread that handles one record after the other, of which the last does this. */
function handleUpTo(memory: LaneMemory, last: number, doThis: string): Worker {
  return writerThread(
    memory,
    `const handle = offset => { if (offset === ${last}) ${doThis} }
     for (let offset = 0; ; offset++) { handle(offset); memory.advanceFloor(offset + 1) }`,
  )
}

describe('lane memory', () => {
  it('gives back every floor that was stored, whatever words it needs', () => {
    fc.assert(
      fc.property(fc.array(offsets, { minLength: 1, maxLength: 20 }), floors => {
        const memory = LaneMemory.create(0)
        const reader = LaneMemory.attach(memory.buffer)
        for (const floor of floors.sort((a, b) => a - b)) {
          memory.advanceFloor(floor)
          assert.equal(reader.floor, floor)
        }
      }),
    )
  })

  it('lets a second thread go on from the floor that the first one left', () => {
    fc.assert(
      fc.property(offsets, fc.integer({ min: 1, max: 5 }), (floor, step) => {
        const first = LaneMemory.create(0)
        first.advanceFloor(Math.min(floor, Number.MAX_SAFE_INTEGER - 5))
        const second = LaneMemory.attach(first.buffer)
        second.advanceFloor(second.floor + step)
        assert.equal(first.floor, Math.min(floor, Number.MAX_SAFE_INTEGER - 5) + step)
      }),
    )
  })

  it('shows a floor between the two when its writer died while it changed the high word, and another goes on from it', () => {
    const crossing = fc
      .tuple(offsets, offsets)
      .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)])
      .filter(([before, after]) => Math.floor(before / 2 ** 32) < Math.floor(after / 2 ** 32))
    fc.assert(
      fc.property(crossing, fc.constantFrom(1, 2), ([before, after], stores) => {
        const memory = LaneMemory.create(before)
        // Next-high, low, high: the order in which the writer stores the words of the new floor.
        const words = new Int32Array(LaneMemory.create(after).buffer, 0, stores)
        new Int32Array(memory.buffer).set(words)
        const { floor } = memory
        assert.ok(before < floor && floor <= after, `${floor}`)
        const heir = LaneMemory.attach(memory.buffer)
        assert.equal(heir.floor, floor)
        heir.advanceFloor(after)
        assert.equal(memory.floor, after)
      }),
    )
  })

  it('reads counters modulo 2^32, so that differences stay right across the wrap', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 33 }), fc.integer({ min: 0, max: 1000 }), (count, more) => {
        const memory = LaneMemory.create(0)
        memory.setHandled(count)
        const before = memory.handled
        memory.setHandled(count + more)
        assert.equal((memory.handled - before) >>> 0, more)
      }),
    )
  })

  it('shows each reason for waiting', () => {
    const memory = LaneMemory.create(5)
    for (const reason of WAIT_REASONS) {
      memory.setWaitsFor(reason)
      assert.equal(memory.read().waitsFor, reason)
    }
  })

  it('starts with nothing in hand, nothing handled and no known end', () => {
    assert.deepEqual(LaneMemory.create(7).read(), {
      floor: 7,
      inHand: 'nothing',
      awaitingSinceMs: null,
      attempts: 0,
      retry: null,
      handled: 0,
      failed: 0,
      bufferedBytes: 0,
      waitsFor: '',
      highWatermark: -1,
    })
  })

  it('shows every finished record of a thread that ends within the next one', async () => {
    const memory = LaneMemory.create(0)
    const writer = handleUpTo(memory, LAST, 'process.exit()')
    await once(writer, 'exit')
    assert.equal(memory.floor, LAST)
  })

  it('shows every finished record of a thread that is busy with the next one for ever', async t => {
    const memory = LaneMemory.create(0)
    const writer = handleUpTo(memory, LAST, 'for (;;);')
    t.after(() => writer.terminate())
    await eventually(() => memory.floor === LAST, { message: () => `the floor is ${memory.floor}` })
    await writer.terminate()
    assert.equal(memory.floor, LAST)
  })

  it('never shows a torn or falling floor to a reader while a thread crosses the 32-bit boundary again and again', async () => {
    const memory = LaneMemory.create(0)
    const writer = writerThread(
      memory,
      `for (let floor = 0; floor < 2 ** 32 * 300; floor += 2 ** 31 + 7)
         for (let i = 0; i < 50; i++) memory.advanceFloor(floor + i)
       memory.setHandled(1)`,
    )
    const exit = once(writer, 'exit')
    let last = 0
    let reads = 0
    while (memory.handled === 0) {
      for (let i = 0; i < 1000; i++) {
        const floor = memory.floor
        assert.ok(floor >= last, `the floor fell from ${last} to ${floor}`)
        // A multiple of 2^32 stands for the floor that is being written.
        const isWritten = floor % (2 ** 31 + 7) < 50 || floor % 2 ** 32 === 0
        assert.ok(isWritten && floor <= 2 ** 32 * 300, `torn floor ${floor}`)
        last = floor
        reads += 1
      }
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.ok(reads > 0)
    await exit
  })
})
