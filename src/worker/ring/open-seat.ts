import { readSeat } from '../../shared/memory/ring/read-ring.ts'
import type { RingShape } from '../../shared/memory/ring/ring-layout.ts'
import { isClosed } from '../../shared/memory/ring/close-ring.ts'
import { RingMemory } from '../../shared/memory/ring/ring-memory.ts'
import type { SeatStart } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import { SeatMemory } from './seat-memory.ts'

/** The ring as one seat sees it. */
export interface SeatRing {
  readonly memory: Pick<
    SeatMemory,
    | 'inherited'
    | 'takeInOrder'
    | 'take'
    | 'read'
    | 'setState'
    | 'setAttempts'
    | 'finish'
    | 'failed'
    | 'yieldLanes'
    | 'setWaitsFor'
    | 'fallAsleep'
    | 'woken'
    | 'wake'
    | 'setLoose'
  >
  /** In `none` order no record waits for another of its key. */
  readonly ordering: RingShape['ordering']
  /** Of the ring. */
  readonly seats: number
  /** Records that may be in hand. */
  readonly slots: number
  /** Per slot in which a thread that had the seat before left a record to be run again: when that is, in monotonic milliseconds. */
  readonly retries: ReadonlyMap<number, number>
  /** End of the partition; -1: unknown. */
  highWatermark(): Offset
  /** That one lane runs alone is for this ring, if it is so. */
  isAlone(): boolean
}

/** Null: the ring was closed before, and nobody waits for the thread: nothing is to be done for the seat. */
export function openSeat({ ring: buffer, seat }: Pick<SeatStart, 'ring' | 'seat'>): SeatRing | null {
  const memory = RingMemory.attach(buffer)
  const ofSeat = new SeatMemory(memory, seat)
  // Behind that it is opened: see closeRing.
  if (isClosed(memory)) return null
  const waiting = readSeat(memory, seat).filter(({ state }) => state === 'retry')
  return {
    memory: ofSeat,
    ordering: memory.shape.ordering,
    seats: memory.shape.seats,
    slots: memory.shape.slotsPerSeat,
    retries: new Map(waiting.map(({ slot, untilMs }) => [slot, untilMs])),
    highWatermark: () => memory.highWatermark,
    isAlone: () => memory.isAlone,
  }
}
