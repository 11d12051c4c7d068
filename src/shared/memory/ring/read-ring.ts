import type { Offset } from '../../types.ts'
import type { RecordInHand } from '../remainder-memory.ts'
import type { SlotState } from './ring-layout.ts'
import type { RingMemory } from './ring-memory.ts'

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

export declare function readRing(memory: RingMemory): RingReading
export declare function readSeat(memory: RingMemory, seat: number): readonly SlotReading[]
/**
 * The thread of a seat has exited: frees what it had begun to take and not taken, and the lanes of which it has nothing in hand. What it has in
 * hand stays, for whoever takes the seat next, as 'ready' (was it running?) or as it was ('retry', 'behind', 'dead-letter').
 */
export declare function clearSeat(memory: RingMemory, seat: number): void
