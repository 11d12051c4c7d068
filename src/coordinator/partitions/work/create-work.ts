import type { ClaimLanes } from '../../progress/claim-lanes.ts'
import type { ClaimProgress } from '../../progress/claim-progress.ts'
import { createLaneMemory } from './lane-positions.ts'
import type { PartitionWork, PartitionWorkHost } from './partition-work.ts'
import { RingLanes } from './ring-lanes.ts'
import { SingleLane } from './single-lane.ts'

/** How a claim is worked off whose lanes are these; its progress is told by that from now on. `maxInHand`: of a single lane. */
export function createWork(
  lanes: ClaimLanes,
  progress: ClaimProgress,
  maxInHand: number,
  host: PartitionWorkHost,
): PartitionWork {
  const work =
    lanes.run.ordering === 'partition'
      ? new SingleLane(createLaneMemory(lanes.start, maxInHand), progress, host)
      : new RingLanes(lanes, progress, host)
  progress.follow(() => work.worked())
  return work
}
