/** A thing to place, with how much work it is expected to be. */
export interface Weighted<T> {
  readonly item: T
  readonly weight: number
}

/**
 * Spreads items over threads: heaviest first, each to the thread with the least weight so far, of equals to the one
 * with the fewest items (longest processing time first: at most 4/3 of the best possible maximum).
 * `loads` are the threads' present weights and counts; the answer maps each item to a thread index.
 */
export function place<T>(items: readonly Weighted<T>[], loads: readonly ThreadLoad[]): Map<T, number> {
  const threads = loads.map(load => ({ ...load }))
  const placed = new Map<T, number>()
  for (const { item, weight } of [...items].sort((a, b) => b.weight - a.weight)) {
    const index = leastLoaded(threads)
    threads[index]!.weight += weight
    threads[index]!.count += 1
    placed.set(item, index)
  }
  return placed
}

export interface ThreadLoad {
  readonly weight: number
  readonly count: number
}

function leastLoaded(threads: readonly ThreadLoad[]): number {
  let best = 0
  for (let index = 1; index < threads.length; index++)
    if (isLess(threads[index]!, threads[best]!)) best = index
  return best
}

function isLess(a: ThreadLoad, b: ThreadLoad): boolean {
  return a.weight < b.weight || (a.weight === b.weight && a.count < b.count)
}
