import type { RingMemory } from './ring-memory.ts'

/**
 * The records of a lane that are kept hang together: OLDEST is the first, LINK of each names the next, LAST is the last. NEXT - 1 is the one
 * taken last; if TAIL has passed it, it is AFTER - 1.
 */

export function isLaneEmpty({ lanes }: RingMemory, lane: number): boolean {
  // NEXT first: were LAST older, a lane whose newer records were taken in between would not look empty.
  const next = Atomics.load(lanes.next, lane)
  return ((Atomics.load(lanes.last, lane) + 1) | 0) === next
}

/** The lane's first record that was not taken when NEXT was `next`. Only for a lane that is not empty, and only if NEXT has not moved since. */
export function firstUntaken({ index, lanes, shape }: RingMemory, lane: number, next: number): number {
  if (shape.ordering === 'none') return next
  // LINK before AFTER: the entry is used anew only after AFTER has passed it, so a LINK that is another record's by then is not believed.
  const link = Atomics.load(index.link, (next - 1) & (shape.indexCapacity - 1))
  return Atomics.load(lanes.after, lane) === next ? Atomics.load(lanes.oldest, lane) : link
}

/**
 * How far behind `tail` the lane's first record is that was not taken; Infinity if it is empty. For a seat that looks at all lanes to choose one: by
 * plain loads, as an atomic one costs ten times as much. They may be out of order or late, so whoever has chosen a lane looks at it once more.
 */
export function guessDistance({ index, lanes, shape }: RingMemory, lane: number, tail: number): number {
  const next = lanes.next[lane]!
  if (((lanes.last[lane]! + 1) | 0) === next) return Infinity
  const link = index.link[(next - 1) & (shape.indexCapacity - 1)]!
  return ((lanes.after[lane] === next ? lanes.oldest[lane]! : link) - tail) >>> 0
}

/** Feeder: of a record that is kept. */
export function isTaken({ lanes, shape }: RingMemory, lane: number, seq: number): boolean {
  const next = Atomics.load(lanes.next, lane)
  // A lane of which nothing that is kept was taken: its NEXT may be of long ago, and says nothing in a comparison.
  if (shape.ordering === 'key' && next === lanes.after[lane]) return false
  return ((next - seq) | 0) > 0
}
