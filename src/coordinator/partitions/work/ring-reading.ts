import { readRing, readSeat, type SlotReading } from '../../../shared/memory/ring/read-ring.ts'
import { isLaneEmpty } from '../../../shared/memory/ring/lane-chain.ts'
import {
  HEADER,
  INDEX_BYTES,
  SEAT_WAIT_REASONS,
  type SlotState,
} from '../../../shared/memory/ring/ring-layout.ts'
import type { RingMemory } from '../../../shared/memory/ring/ring-memory.ts'
import type { Offset } from '../../../shared/types.ts'
import { committableOf } from '../../progress/progress.ts'
import type { LaneUse, WorkReading } from './partition-work.ts'

/** What can be seen of a ring with these seats taken: a snapshot of numbers that change while they are read. */
export function readRingUse(memory: RingMemory, taken: readonly number[]): Omit<WorkReading, 'handled'> {
  const { header, shape } = memory
  const positions = readRing(memory)
  const slots = Array.from({ length: shape.seats }, (_, seat) => readSeat(memory, seat)).flat()
  const floor = committableOf(positions)
  // The feeder gives up what is finished when it needs the room, which in an idle ring is never.
  const usedBytes = floor >= memory.headOffset ? 0 : Atomics.load(header, HEADER.USED_BYTES)
  return {
    lanes: shape.lanes,
    floor,
    highWatermark: memory.highWatermark,
    bufferedBytes: usedBytes + Atomics.load(header, HEADER.BUFFERED_BYTES),
    waitsFor: waitsFor(memory, taken),
    oldestInHand: positions.inHand[0] ?? null,
    retry: firstRetry(slots),
    ring: {
      bytes: usedBytes,
      capacityBytes: shape.dataBytes + shape.indexCapacity * INDEX_BYTES,
      lanes: laneUses(positions.frontiers, slots),
    },
  }
}

/**
 * What keeps every seat from taking records; else, if there are none that one could take, what keeps the feeder from bringing some:
 * behind a record that does not end, its lane has more, which only the holder of the lane may take.
 */
function waitsFor(memory: RingMemory, taken: readonly number[]): WorkReading['waitsFor'] {
  const { seats, lanes } = memory
  const reasons = taken.map(seat => SEAT_WAIT_REASONS[Atomics.load(seats.waitsFor, seat)] ?? '')
  const [first = ''] = reasons
  if (!reasons.includes('')) return first
  const isNothingFree = lanes.last.every(
    (_, lane) => isLaneEmpty(memory, lane) || Atomics.load(lanes.holder, lane) > 0,
  )
  return isNothingFree ? memory.feedWaitsFor : ''
}

function firstRetry(slots: readonly SlotReading[]): WorkReading['retry'] {
  const [first] = slots.filter(({ state }) => state === 'retry').sort((a, b) => a.offset - b.offset)
  if (first === undefined) return null
  const { offset, attempts, sinceMs, untilMs } = first
  return { offset, attempts, sinceMs, atMs: untilMs }
}

/** Records that were in hand when the claim was made, and are not taken anew, belong to no lane yet. */
function laneUses(frontiers: readonly Offset[], slots: readonly SlotReading[]): LaneUse[] {
  const floors = [...frontiers]
  const states = frontiers.map(() => new Set<SlotState>())
  for (const { lane, offset, state } of slots) {
    floors[lane] = Math.min(floors[lane]!, offset)
    states[lane]!.add(state)
  }
  return floors.map((floor, lane) => ({ lane, floor, waitsFor: waitOf(states[lane]!) }))
}

function waitOf(states: ReadonlySet<SlotState>): LaneUse['waitsFor'] {
  if (states.has('stopped')) return 'failed'
  if (states.has('dead-letter')) return 'dead-letter'
  return states.has('retry') ? 'retry' : ''
}
