import type { FlowNetwork } from './flow-network.ts'

/** Being further from a share than so many partitions is no worse: it keeps networks small. */
const FARTHEST = 3

/** Into how many steps the distance of one partition is told apart. */
const STEPS_PER_PARTITION = 2

/** No step is dearer. */
export const HIGHEST_PRICE = 2 * FARTHEST * STEPS_PER_PARTITION

/**
 * The price of one more partition, for a reader that is so far beyond its share halfway through (before it: a negative
 * distance). Such prices add up to the squared distance from the share, but for a constant; the price of giving one
 * away is that of the opposite distance.
 */
export function priceAt(distance: number): number {
  const capped = Math.min(FARTHEST, Math.max(-FARTHEST, distance))
  return Math.round((FARTHEST + capped) * STEPS_PER_PARTITION)
}

export interface Steps {
  readonly from: number
  readonly to: number
  readonly count: number
  /** Partitions in one step. */
  readonly each: number
}

/** Adds an arc for every step, and one for several in a row if their prices are the same. */
export function addSteps(
  network: FlowNetwork,
  { from, to, count, each }: Steps,
  priceOf: (step: number) => number,
): number[] {
  const arcs: number[] = []
  for (let step = 0, first = 0; step < count; step += 1) {
    if (step + 1 < count && priceOf(step + 1) === priceOf(step)) continue
    arcs.push(network.addArc(from, to, (step + 1 - first) * each, priceOf(step)))
    first = step + 1
  }
  return arcs
}
