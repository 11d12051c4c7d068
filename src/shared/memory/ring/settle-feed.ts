import { HEADER, LONGS } from './ring-layout.ts'
import type { RingMemory } from './ring-memory.ts'

/**
 * Coordinator: the feeder has exited. Publishes what it had appended and not published: seats take that all the same, and what they
 * have finished of it would be fed, and handled, once more.
 */
export function settleFeed(memory: RingMemory): void {
  const { index, longs, shape } = memory
  const newest = index.offset[(headOf(memory) - 1) & (shape.indexCapacity - 1)]!
  const nextOffset = BigInt(newest + 1)
  if (nextOffset > longs[LONGS.HEAD_OFFSET]!) Atomics.store(longs, LONGS.HEAD_OFFSET, nextOffset)
}

/** HEAD, unless a feeder exited when it had appended a record to its lane and not moved it. */
export function headOf({ header, index, lanes, shape }: RingMemory): number {
  const head = header[HEADER.HEAD]!
  const entry = head & (shape.indexCapacity - 1)
  const isNewer = index.offset[entry]! > index.offset[(head - 1) & (shape.indexCapacity - 1)]!
  return isNewer && lanes.last[index.lane[entry]!] === head ? (head + 1) | 0 : head
}
