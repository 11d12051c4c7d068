import { ring } from './bell.ts'
import type { RingMemory } from './ring-memory.ts'

/** There is something to take: whoever has made it so has made that visible before. */
export function wakeSleepers({ seats, shape }: RingMemory): void {
  for (let seat = 0; seat < shape.seats; seat++) {
    // The seat says that it sleeps and then looks once more; who brings work does so and then looks who sleeps. So one of the two sees the other.
    if (Atomics.load(seats.sleeps, seat) === 0) continue
    if (Atomics.compareExchange(seats.sleeps, seat, 1, 0) === 1) ring(seats.bell, seat)
  }
}

/** A thread has exited that may have done half of it: found out that a seat sleeps, and not rung. */
export function wakeAllSeats({ seats, shape }: RingMemory): void {
  for (let seat = 0; seat < shape.seats; seat++) {
    Atomics.store(seats.sleeps, seat, 0)
    ring(seats.bell, seat)
  }
}
