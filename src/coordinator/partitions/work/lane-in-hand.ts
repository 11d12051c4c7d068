import { toWire } from '../../../shared/error-wire.ts'
import type { LaneMemory } from '../../../shared/memory/lane-memory.ts'
import type { Aftermath } from '../../failures/aftermath.ts'
import { blame } from '../../failures/blame.ts'
import type { InHandOnThread } from './in-hand-on-thread.ts'

/** What a lane runs: one record or one batch, which stands at its floor. */
export function inHandOfLane(memory: LaneMemory, aftermath: Aftermath): readonly InHandOnThread[] {
  if (memory.inHand === 'nothing') return [] // looked at often, and mostly so
  const { inHand, floor, awaitingSinceMs } = memory.read()
  if (inHand === 'nothing') return [] // it has ended since
  return [
    {
      offset: floor,
      inHand,
      awaitingSinceMs,
      blame: () => blame(memory),
      failed: ({ offset, attempt }, error, retry) => {
        aftermath.failed({ offset, attempts: attempt }, toWire(error))
        memory.setRetry(retry)
      },
      suspect: () => aftermath.suspect(memory),
    },
  ]
}
