import type { Offset } from '../../types.ts'
import type { RecordInHand } from '../remainder-memory.ts'
import { firstUntaken } from './lane-chain.ts'
import type { SlotState } from './ring-layout.ts'
import type { RingMemory } from './ring-memory.ts'
import { OffsetViews, SlotViews } from './slot-view.ts'

export { clearSeat } from './clear-seat.ts'

/** Coordinator: how far a ring is, as its threads left it or are leaving it right now. */
export interface RingReading {
  /** Per lane. */
  readonly frontiers: readonly Offset[]
  /** In the order of the offsets; all below the frontiers of their lanes. */
  readonly inHand: readonly RecordInHand[]
}

/** A record in hand of one seat. */
export interface SlotReading {
  readonly slot: number
  readonly state: SlotState
  readonly offset: Offset
  readonly lane: number
  readonly attempts: number
  /** Monotonic milliseconds: when its handler was called, or since when it waits. */
  readonly sinceMs: number
  /** When it is run again. */
  readonly untilMs: number
}

export function readRing(memory: RingMemory): RingReading {
  // Before the lanes: a lane that is empty then has nothing left below.
  const head = memory.headOffset
  const taken = takenPerLane(memory, head)
  const frontiers = taken.map((offset, lane) => Math.max(offset, memory.lanes.base[lane]!))
  // After the lanes: what a lane has moved beyond stood in its slot before.
  const inHand = new Map<Offset, number>()
  for (const { offset, lane, attempts } of slotsInHand(memory))
    if (offset < frontiers[lane]!) inHand.set(offset, attempts)
  addRestored(memory, head, taken, inHand)
  const sorted = [...inHand].sort(([a], [b]) => a - b)
  return { frontiers, inHand: sorted.map(([offset, attempts]) => ({ offset, attempts })) }
}

export function readSeat(memory: RingMemory, seat: number): readonly SlotReading[] {
  const { slotsPerSeat } = memory.shape
  const views = new SlotViews(memory)
  const readings: SlotReading[] = []
  for (let slot = 0; slot < slotsPerSeat; slot++) {
    const at = seat * slotsPerSeat + slot
    const view = views.read(at)
    if (view === null) continue
    const { state, offset, lane, attempts } = view
    const sinceMs = memory.slots.sinceUs[at]! / 1000
    readings.push({ slot, state, offset, lane, attempts, sinceMs, untilMs: memory.slots.untilUs[at]! / 1000 })
  }
  return readings
}

/** Per lane: below, all that was published was taken. */
function takenPerLane(memory: RingMemory, head: Offset): Offset[] {
  const offsets = new OffsetViews(memory)
  return Array.from({ length: memory.shape.lanes }, (_, lane) => takenOf(memory, lane, head, offsets))
}

function takenOf(memory: RingMemory, lane: number, head: Offset, offsets: OffsetViews): Offset {
  const { last, next } = memory.lanes
  for (;;) {
    const before = Atomics.load(next, lane)
    if (((Atomics.load(last, lane) + 1) | 0) === before) return head
    const offset = offsets.of(firstUntaken(memory, lane, before))
    // NEXT has not moved: so the record was not taken, and its entry its own. At most the head: what is beyond it was not published, and when it
    // is taken the lane is empty, and its frontier would go back.
    if (Atomics.load(next, lane) === before) return Math.min(offset, head)
  }
}

function* slotsInHand(memory: RingMemory): Generator<{ offset: Offset; lane: number; attempts: number }> {
  const views = new SlotViews(memory)
  for (let slot = 0; slot < memory.slots.state.length; slot++) {
    const view = views.read(slot)
    if (view !== null) yield view
  }
}

/** After the slots: what was in hand at the claim, is still to be had, and was not taken when the lanes were looked at. */
function addRestored(
  { restored, shape }: RingMemory,
  head: Offset,
  taken: readonly Offset[],
  inHand: Map<Offset, number>,
): void {
  for (let at = 0; at < shape.restored; at++) {
    const offset = restored.offset[at]!
    const lane = Atomics.load(restored.lane, at)
    // Not appended though the head is beyond: it is gone.
    const isWaiting = offset >= (lane < 0 ? head : taken[lane]!)
    if (isWaiting && !inHand.has(offset)) inHand.set(offset, restored.attempts[at]!)
  }
}
