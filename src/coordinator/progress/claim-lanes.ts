import type { RingStart } from '../../shared/memory/ring/ring-memory.ts'
import { KEY_HASHES, type LaneSettings, type Ordering } from '../../shared/ordering.ts'
import type { Offset } from '../../shared/types.ts'
import { committableOf, levelOf, settingsOf, type Progress } from './progress.ts'

/** How a claim goes on. */
export interface ClaimLanes {
  /** What to run it with: the own settings, or those of the stored progress until its lanes are level. */
  readonly run: LaneSettings
  readonly start: RingStart
  /** Nothing from there on is fed until all lanes have met it: then it goes on with the own settings. Null: it runs with those. */
  readonly levelAt: Offset | null
}

/** What a member with these options would run a partition with. */
export function ownSettings(options: {
  readonly ordering: Ordering
  readonly lanesPerPartition: number
}): LaneSettings {
  const { ordering, lanesPerPartition } = options
  const lanes = ordering === 'key' ? lanesPerPartition : 1
  return { ordering, hash: lanes === 1 ? null : KEY_HASHES[0], lanes }
}

/**
 * What is stored holds whatever the settings of its member were: a lane's frontier says which of the records that belong to that
 * lane are finished, and with other settings others would belong to it. Only where all lanes are level it says the same of every
 * record. Called anew with the progress of the claim itself when its lanes have met.
 * @param stored null: there is none that belongs to the offset
 * @param offset the committed one
 */
export function lanesOfClaim(stored: Progress | null, own: LaneSettings, offset: Offset): ClaimLanes {
  // One of an earlier offset than the committed one tells nothing of what lies between.
  if (stored === null || committableOf(stored) < offset)
    return levelWith(own, { frontiers: [offset], inHand: [] })
  const { frontiers, inHand } = stored
  const settings = settingsOf(stored)
  if (isSame(settings, own)) return { run: own, start: { frontiers, inHand }, levelAt: null }
  if (levelOf(stored) !== null) return levelWith(own, stored)
  return { run: settings, start: { frontiers, inHand }, levelAt: Math.max(...frontiers) }
}

function levelWith(own: LaneSettings, { frontiers, inHand }: RingStart): ClaimLanes {
  const start = { frontiers: Array.from({ length: own.lanes }, () => frontiers[0]!), inHand }
  return { run: own, start, levelAt: null }
}

function isSame(one: LaneSettings, other: LaneSettings): boolean {
  return one.ordering === other.ordering && one.hash === other.hash && one.lanes === other.lanes
}
