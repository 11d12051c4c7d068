import type { RecordInHand } from '../../shared/memory/remainder-memory.ts'
import type { KeyHash, LaneSettings, Ordering } from '../../shared/ordering.ts'
import type { Offset } from '../../shared/types.ts'

/** How far a partition was worked off: kept beside its committed offset, which says less. */
export interface Progress {
  /** The incarnation of the topic that the offsets belong to; null where the brokers have no topic ids. */
  readonly topicId: string | null
  readonly ordering: Ordering
  /** Of the keys, which divides them among the lanes; null with one lane. */
  readonly hash: KeyHash | null
  /** Per lane the next offset that it will look at: below it everything of the lane is finished, but for what is in hand. */
  readonly frontiers: readonly Offset[]
  /** Of all lanes, in the order of the offsets: taken and not finished, with the attempts that failed. */
  readonly inHand: readonly RecordInHand[]
  /** The claim that has not been released; null if it was. */
  readonly open: OpenClaim | null
}

/** What of a progress says what is finished. */
export type LanePositions = Pick<Progress, 'frontiers' | 'inHand'>

/** A claim that was not released, and how it is worked off: what its process leaves behind if it dies. See open-claim.ts. */
export interface OpenClaim {
  /** Names the process that has the claim: a session that ends while its process lives is no death. */
  readonly process: string
  /** In a row, without an advance beyond where they were, the oldest first. None: it runs normally. */
  readonly deaths: readonly ProcessDeath[]
  /** While records may run: those that may. At rest: those that might when the last process died. Null: unknown, or none. */
  readonly window: Window | null
  /** None of its records may run until the next window is stored: whatever its process dies of, it is none of them. */
  readonly isAtRest: boolean
}

/** The end of a session whose process had the claim, and seems to have died: until it is seen alive. */
export interface ProcessDeath {
  readonly process: string
  /** The record that was alone in it, and has failed an attempt by that; null: none was. */
  readonly alone: Offset | null
}

/** Offsets of one partition. */
export interface Window {
  readonly from: Offset
  readonly to: Offset
  /** It is one record, and no other was in hand in the whole process. */
  readonly isAlone: boolean
}

/** Of a partition whose records below `nextOffset` are all finished: members with any settings go on from there. */
export function progressAt(
  nextOffset: Offset,
  topicId: string | null,
  open: OpenClaim | null = null,
): Progress {
  return { topicId, ordering: 'partition', hash: null, frontiers: [nextOffset], inHand: [], open }
}

/** The next offset to read after a crash: the committed one. */
export function committableOf({ frontiers, inHand }: LanePositions): Offset {
  return Math.min(...frontiers, ...inHand.slice(0, 1).map(({ offset }) => offset))
}

/** Null while its lanes are at different offsets; else that one: it says how far they are without saying how many there are. */
export function levelOf({ frontiers }: LanePositions): Offset | null {
  const [first] = frontiers
  return frontiers.every(frontier => frontier === first) ? first! : null
}

export function settingsOf({ ordering, hash, frontiers }: Progress): LaneSettings {
  return { ordering, hash, lanes: frontiers.length }
}
