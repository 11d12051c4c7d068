import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { closeRing, isOut } from '#src/shared/memory/ring/close-ring.js'
import { readRing } from '#src/shared/memory/ring/read-ring.js'
import type { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { openSeat } from '#src/worker/ring/open-seat.js'
import { RingWriter } from '#src/worker/ring/ring-writer.js'
import { SeatMemory } from '#src/worker/ring/seat-memory.js'
import { amidAtomics, ATOMIC_STEPS } from '../../../../support/atomic-steps.ts'
import { readerOf, smallRing } from '../../../../support/ring.js'

const RECORDS = 3

function filled(ordering: 'key' | 'none'): RingMemory {
  const memory = smallRing({ ordering })
  const writer = new RingWriter(memory)
  for (let offset = 0; offset < RECORDS; offset++) writer.append(readerOf({ offset }), 0, 0)
  writer.publish(RECORDS)
  return memory
}

/** Runs `work` as often as it has steps, and `other` amid it, at one step after the other. */
function* amidEachStep<State>(
  begin: () => State,
  work: (state: State) => void,
  other: (state: State) => void,
): Generator<State> {
  const count = stepsOf(begin(), work, () => {})
  for (let at = 0; at < count; at++) {
    const state = begin()
    stepsOf(state, work, step => {
      if (step === at) other(state)
    })
    yield state
  }
}

function stepsOf<State>(state: State, work: (state: State) => void, atStep: (step: number) => void): number {
  let steps = 0
  amidAtomics(
    ATOMIC_STEPS,
    () => work(state),
    () => atStep(steps++),
  )
  return steps
}

describe('a ring that is closed', () => {
  for (const ordering of ['key', 'none'] as const) {
    it(`has nothing taken from it any more, in '${ordering}' order`, () => {
      const memory = filled(ordering)
      const seat = new SeatMemory(memory, 0)
      const taken = seat.take()!
      closeRing(memory)
      assert.deepEqual([seat.canTake(), seat.take(), seat.fallAsleep()], [false, null, true])
      seat.finish(taken.slot)
      assert.deepEqual(readRing(memory), { frontiers: [1], inHand: [] })
    })

    it(`at whatever step of a seat: it takes nothing if it was found to be out, in '${ordering}' order`, () => {
      const begin = () => {
        const memory = filled(ordering)
        const seat = new SeatMemory(memory, 0)
        seat.setLoose()
        return { memory, seat, hasTaken: false, wasOut: false }
      }
      const outcomes = new Set<string>()
      const runs = amidEachStep(
        begin,
        run => (run.hasTaken = run.seat.take() !== null),
        run => {
          closeRing(run.memory)
          run.wasOut = isOut(run.memory, 0)
        },
      )
      for (const { memory, seat, hasTaken, wasOut } of runs) {
        assert.ok(!hasTaken || !wasOut, 'it was out, and has taken a record')
        seat.yieldLanes()
        assert.deepEqual([isOut(memory, 0), seat.take()], [!hasTaken, null])
        const next = hasTaken ? 1 : 0
        assert.deepEqual(readRing(memory).frontiers, [next])
        outcomes.add(`${hasTaken} ${wasOut}`)
      }
      assert.deepEqual(outcomes, new Set(['false true', 'false false', 'true false']))
    })
  }

  it('has seats that do not wake each other for what nobody takes', () => {
    const memory = filled('key')
    const [seat, other] = [new SeatMemory(memory, 0), new SeatMemory(memory, 1)]
    seat.finish(seat.take()!.slot)
    assert.ok(other.fallAsleep())
    closeRing(memory)
    assert.equal(seat.take(), null)
    assert.ok(seat.fallAsleep())
    assert.deepEqual([...memory.seats.sleeps], [1, 1])
  })

  it('is opened by no thread that was found to be absent, at whatever step', () => {
    const outcomes = new Set<string>()
    const runs = amidEachStep(
      () => ({ memory: filled('key'), isOpen: false, wasOut: false }),
      run => (run.isOpen = openSeat({ ring: run.memory.buffer, seat: 0 }) !== null),
      run => {
        closeRing(run.memory)
        run.wasOut = isOut(run.memory, 0)
      },
    )
    for (const { isOpen, wasOut } of runs) {
      assert.ok(!isOpen || !wasOut, 'it was out, and is opened')
      outcomes.add(`${isOpen} ${wasOut}`)
    }
    assert.deepEqual(outcomes, new Set(['false true', 'false false', 'true false']))
  })

  it('waits for a seat that has something in hand, or for whose thread there is something to do', () => {
    const memory = filled('key')
    const seat = new SeatMemory(memory, 0)
    const taken = seat.take()!
    closeRing(memory)
    assert.deepEqual([isOut(memory, 0), isOut(memory, 1)], [false, true], 'the other was never opened')
    seat.setLoose()
    seat.setState(taken.slot, 'awaited', 1)
    assert.equal(isOut(memory, 0), false)
    seat.finish(taken.slot)
    assert.equal(isOut(memory, 0), true)
  })
})
