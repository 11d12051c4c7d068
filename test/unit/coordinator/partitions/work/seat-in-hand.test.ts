import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { RingNews } from '#src/coordinator/partitions/work/ring-news.js'
import { inHandOfSeat } from '#src/coordinator/partitions/work/seat-in-hand.js'
import { GroupError } from '#src/shared/errors.js'
import { clearSeat, readSeat } from '#src/shared/memory/ring/read-ring.js'
import { SLOT_STATES, type SlotState } from '#src/shared/memory/ring/ring-layout.js'
import { RingMemory } from '#src/shared/memory/ring/ring-memory.js'

const SLOTS = 6
const SEAT = 1
const FIRST_OFFSET = 100

/** A ring whose seat has records 100, 101, … in hand, in these states. */
function ringWith(states: readonly SlotState[]): RingMemory {
  const memory = RingMemory.create(
    { ordering: 'key', seats: 2, slotsPerSeat: SLOTS, indexCapacity: 16, dataBytes: 1024 },
    { frontiers: [FIRST_OFFSET], inHand: [] },
  )
  states.forEach((state, seq) => {
    const slot = SEAT * SLOTS + (SLOTS - 1 - seq)
    memory.index.offset[seq] = FIRST_OFFSET + seq
    memory.slots.seq[slot] = seq
    memory.slots.sinceUs[slot] = 7_000
    memory.slots.state[slot] = SLOT_STATES.indexOf(state)
  })
  memory.lanes.next[0] = states.length
  return memory
}

describe('what a seat runs', () => {
  let memory: RingMemory
  let news: RingNews

  beforeEach(() => {
    memory = ringWith(['slice', 'retry', 'awaited', 'behind', 'timed-out'])
    news = new RingNews(() => [])
  })

  it('is what has been handed to the handler, in the order of the offsets, not what waits', () => {
    const seen = inHandOfSeat(memory, SEAT, news).map(one => [one.offset, one.inHand, one.awaitingSinceMs])
    assert.deepEqual(seen, [
      [100, 'slice', null],
      [102, 'awaited', 7],
      [104, 'timed-out', 7],
    ])
    assert.deepEqual(inHandOfSeat(memory, 0, news), [])
  })

  it('fails an attempt of the guilty one, which waits for its next when the seat is taken again', () => {
    const [, guilty] = inHandOfSeat(memory, SEAT, news)
    const attempt = guilty!.blame()
    assert.deepEqual(attempt, { offset: 102, attempt: 1 })
    guilty!.failed(attempt, new GroupError('HANDLER_KILLED_THREAD', 'no'), { sinceMs: 10, atMs: 30 })
    clearSeat(memory, SEAT)
    const { state, attempts, sinceMs, untilMs } = readSeat(memory, SEAT).find(one => one.offset === 102)!
    assert.deepEqual([state, attempts, sinceMs, untilMs], ['retry', 1, 10, 30])
    const inHand = [{ offset: 102, attempts: 1 }]
    assert.equal(news.forSeat(inHand, inHand).lastFailures[0]?.offset, 102)
    assert.equal(memory.seats.failed[SEAT], 1)
  })

  it('leaves one whose attempts are used up to whoever takes the seat', () => {
    const [guilty] = inHandOfSeat(memory, SEAT, news)
    guilty!.failed(guilty!.blame()!, new GroupError('HANDLER_KILLED_THREAD', 'no'), null)
    clearSeat(memory, SEAT)
    assert.equal(readSeat(memory, SEAT).find(one => one.offset === 100)!.state, 'ready')
  })
})
