import { HEADER, SEAT_PRESENCE_NUMBER, SLOT_STATE_NUMBER } from './ring-layout.ts'
import type { RingMemory } from './ring-memory.ts'

const { absent: ABSENT, bound: BOUND } = SEAT_PRESENCE_NUMBER
const FREE = SLOT_STATE_NUMBER.free

/**
 * Coordinator: no seat takes a record any more. A thread looks at this word behind each store that says what it begins: the seat that it opens, the
 * record that it takes. The coordinator stores it, and then looks at those. So one of the two sees the other: either the thread finds the ring closed
 * and goes back, or it is found at it. For good.
 */
export function closeRing({ header }: RingMemory): void {
  Atomics.store(header, HEADER.IS_CLOSED, 1)
}

export function isClosed({ header }: RingMemory): boolean {
  return Atomics.load(header, HEADER.IS_CLOSED) === 1
}

/** Of a ring that is closed: nothing of the seat runs or will, and its thread has nothing to do for it, whatever that is doing now. Once true it stays so. */
export function isOut({ seats, slots, shape }: RingMemory, seat: number): boolean {
  const presence = Atomics.load(seats.presence, seat)
  if (presence === ABSENT) return true // what is in hand there stays for the next owner
  if (presence === BOUND) return false
  const first = seat * shape.slotsPerSeat
  for (let slot = first; slot < first + shape.slotsPerSeat; slot++)
    if (Atomics.load(slots.state, slot) !== FREE) return false
  return true
}
