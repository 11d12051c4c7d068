import type { RecordInHand } from '../../shared/memory/remainder-memory.ts'
import type { Offset } from '../../shared/types.ts'

/** How far a partition was worked off: kept beside its committed offset, which says less. */
export interface Progress {
  /** The incarnation of the topic that the offsets belong to; null where the brokers have no topic ids. */
  readonly topicId: string | null
  /** How its records are divided into lanes: in `partition` order there is one. */
  readonly ordering: 'partition'
  /** Per lane the next offset that it will look at: below it everything is finished, but for what is in hand. */
  readonly frontiers: readonly Offset[]
  /** In the order of the offsets: taken and not finished, with the attempts that failed. The first is the committed offset. */
  readonly inHand: readonly RecordInHand[]
  /** The claim that has not been released; null if it was. */
  readonly open: OpenClaim | null
}

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

/** Of a partition whose records below `nextOffset` are finished, in the order of the partition. */
export function progressAt(
  nextOffset: Offset,
  topicId: string | null,
  open: OpenClaim | null = null,
): Progress {
  return { topicId, ordering: 'partition', frontiers: [nextOffset], inHand: [], open }
}

/** The next offset to read after a crash: the committed one. */
export function committableOf({ frontiers, inHand }: Progress): Offset {
  return Math.min(...frontiers, ...inHand.slice(0, 1).map(({ offset }) => offset))
}
