import { LaneMemory } from '../../../shared/memory/lane-memory.ts'
import type { WorkedLanes } from '../../progress/claim-progress.ts'
import { committableOf, type LanePositions } from '../../progress/progress.ts'

/** Memory of a lane that goes on from there. `maxInHand`: records that it may have in hand at once. */
export function createLaneMemory(start: LanePositions, maxInHand: number): LaneMemory {
  const { frontiers, inHand } = start
  return LaneMemory.create(committableOf(start), maxInHand, { frontier: frontiers[0]!, inHand })
}

export function workedByLane(memory: LaneMemory): WorkedLanes {
  // The remainder first: where an attempt fails after that, the floor says as much, without the attempt.
  const { remainder } = memory
  const frontier = remainder?.frontier ?? memory.floor
  return { ordering: 'partition', hash: null, frontiers: [frontier], inHand: remainder?.inHand ?? [] }
}
