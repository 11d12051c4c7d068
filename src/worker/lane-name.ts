import type { LaneId } from '../shared/protocol.ts'
import { partitionName } from '../shared/types.ts'

/** For maps and messages. */
export function laneName(lane: LaneId): string {
  return `${partitionName(lane)}@${lane.epoch}#${lane.lane}`
}
