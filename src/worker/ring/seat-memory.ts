import type { SeatWaitReason, SlotState } from '../../shared/memory/ring/ring-layout.ts'
import type { RingMemory } from '../../shared/memory/ring/ring-memory.ts'
import type { Offset } from '../../shared/types.ts'
import type { RecordReader } from '../decode/record-reader.ts'

/** A record in hand, as its slot and the index of the ring tell. */
export interface TakenRecord {
  /** Of this seat, from 0. */
  readonly slot: number
  readonly seq: number
  readonly offset: Offset
  readonly lane: number
  /** Of its key; records with the same one are run one after the other in `key` order. Null: it has no key. */
  readonly hash: number | null
  /** That failed. */
  readonly attempts: number
}

/** One thread's end of a ring: takes records of lanes that it holds, and says what it has in hand. */
export class SeatMemory {
  constructor(memory: RingMemory, seat: number) {
    void [memory, seat]
    throw new Error('to be written')
  }

  /** What a thread that had the seat before has left in hand, in the order of the offsets. */
  declare inherited: () => TakenRecord[]
  /** There may be a record to take: a slot is free, and a lane that is not empty is held here or by nobody. */
  declare canTake: () => boolean
  /** The next record, of the lane that is furthest behind, now in a slot as 'taking' → 'ready'; null if there is none, or another seat was faster. */
  declare take: () => TakenRecord | null
  /** Copies the record out of the ring: what is kept of it stays valid. */
  declare read: (taken: TakenRecord) => RecordReader
  /** `sinceMs`, `untilMs`: monotonic. */
  declare setState: (
    slot: number,
    state: Exclude<SlotState, 'free' | 'taking'>,
    sinceMs?: number,
    untilMs?: number,
  ) => void
  declare setAttempts: (slot: number, attempts: number) => void
  /** It is finished: visible before the next call of a handler. Wakes the feeder if it waits for that. */
  declare finish: (slot: number) => void
  declare failed: (attempts?: number) => void
  /** The turn on the lanes that are held is over: those with nothing in hand here may go to others. */
  declare yieldLanes: () => void
  /** The seat is given up for now: frees all lanes of which nothing is in hand here. */
  declare setWaitsFor: (reason: SeatWaitReason) => void
  /** Says that it sleeps; false if there is something to take after all, and then it does not. */
  declare fallAsleep: () => boolean
  /** Resolves when there may be something to take again. */
  declare woken: () => Promise<void>
  declare readonly handled: number
}
