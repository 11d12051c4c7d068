import { ring } from './bell.ts'
import { HEADER, SLOT_STATE_NUMBER, type SlotState } from './ring-layout.ts'
import type { RingMemory } from './ring-memory.ts'
import { SlotViews, type SlotView } from './slot-view.ts'
import { wakeAllSeats } from './wake-seats.ts'

/**
 * Coordinator: the thread of a seat has exited. Frees what it had begun to take and not taken, and the lanes of which it has nothing in hand. What
 * it has in hand stays, for whoever takes the seat next, as 'ready' (was it running?) or as it was ('retry', 'behind', 'dead-letter', 'stopped').
 */
export function clearSeat(memory: RingMemory, seat: number): void {
  const lanesInHand = new Set<number>()
  const views = new SlotViews(memory)
  for (const slot of slotsOf(memory, seat)) {
    const view = views.read(slot)
    if (view !== null) lanesInHand.add(view.lane)
    settleSlot(memory, slot, view)
  }
  freeLanes(memory, seat, lanesInHand)
  // It may have exited between what it did and the bell that tells: all look themselves.
  wakeAllSeats(memory)
  ring(memory.header, HEADER.FEED_BELL)
}

function* slotsOf({ shape }: RingMemory, seat: number): Generator<number> {
  for (let slot = 0; slot < shape.slotsPerSeat; slot++) yield seat * shape.slotsPerSeat + slot
}

const LEFT_AS: Partial<Record<SlotState, SlotState>> = {
  taking: 'ready',
  slice: 'ready',
  awaited: 'ready',
  'timed-out': 'ready',
}

function settleSlot({ slots, lanes, shape }: RingMemory, slot: number, view: SlotView | null): void {
  if (view === null) {
    Atomics.store(slots.state, slot, SLOT_STATE_NUMBER.free)
    return
  }
  const { state, seq } = view
  // It had made the record its own, and perhaps not moved the lane beyond it: any other seat would do that, too.
  if (state === 'taking' && shape.ordering === 'none')
    Atomics.compareExchange(lanes.next, 0, seq, (seq + 1) | 0)
  Atomics.store(slots.state, slot, SLOT_STATE_NUMBER[LEFT_AS[state] ?? state])
}

function freeLanes({ lanes, shape }: RingMemory, seat: number, except: ReadonlySet<number>): void {
  for (let lane = 0; lane < shape.lanes; lane++)
    if (!except.has(lane)) Atomics.compareExchange(lanes.holder, lane, seat + 1, 0)
}
