import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { Offset } from '../../shared/types.ts'

/** An attempt that ended with its thread. */
export interface BlamedAttempt {
  readonly offset: Offset
  readonly attempt: number
}

/**
 * Writes into the memory of a guilty lane, whose thread has exited, that the attempt of its record failed. Null if it had a
 * batch in hand: nobody knows which record it was, so they are run one at a time from now on, and none has failed yet.
 */
export function blame(memory: LaneMemory): BlamedAttempt | null {
  const { floor, batchEnd, singlesBelow } = memory
  if (batchEnd > floor + 1 && singlesBelow < batchEnd) {
    memory.setSinglesBelow(batchEnd)
    return null
  }
  // The record in hand is the one at the floor: what stands behind it in the remainder has its turn later.
  const { frontier, inHand } = memory.remainder ?? { frontier: floor + 1, inHand: [] }
  const [first, ...others] = inHand
  const attempt = (first?.attempts ?? 0) + 1
  memory.setRemainder({ frontier, inHand: [{ offset: floor, attempts: attempt }, ...others] })
  memory.addFailed(1)
  return { offset: floor, attempt }
}
