/**
 * Which records keep their order: those of a partition, those of a partition with the same key, or none. The first is one lane
 * that one thread runs; the others are lanes of a ring.
 */
export const ORDERINGS = ['partition', 'key', 'none'] as const
export type Ordering = (typeof ORDERINGS)[number]

/** More lanes than this, a partition cannot have. */
export const MAX_LANES = 1_024

/** No ring is smaller: as much as brokers take for one record, unless they are told otherwise. */
export const MIN_RING_BYTES = 1_048_576

/** How keys are hashed to divide them among lanes; each name stands for one function for ever, as progress holds it. */
export const KEY_HASHES = ['xxh32'] as const
export type KeyHash = (typeof KEY_HASHES)[number]

/** How the records of a partition are divided into lanes. */
export interface LaneSettings {
  readonly ordering: Ordering
  /** Null with one lane, where it decides nothing. */
  readonly hash: KeyHash | null
  /** 1 unless the order is by key. */
  readonly lanes: number
}
