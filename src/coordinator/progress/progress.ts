import type { Offset } from '../../shared/types.ts'

/** How far a partition was worked off: kept beside its committed offset, which says less. */
export interface Progress {
  /** The incarnation of the topic that the offsets belong to; null where the brokers have no topic ids. */
  readonly topicId: string | null
  /** How its records are divided into lanes: in `partition` order there is one. */
  readonly ordering: 'partition'
  /** Per lane the next offset that it will look at; the lowest is the committed offset. */
  readonly frontiers: readonly Offset[]
}

/** Of a partition whose records below `nextOffset` are finished, in the order of the partition. */
export function progressAt(nextOffset: Offset, topicId: string | null): Progress {
  return { topicId, ordering: 'partition', frontiers: [nextOffset] }
}
