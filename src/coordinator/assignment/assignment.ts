import type { TopicPartition } from '../../shared/types.ts'

/** What the ways to divide partitions among members have in common. All of them are pure functions. */

/** A topic with partitions 0 to `partitions` - 1. */
export interface TopicSize {
  readonly topic: string
  readonly partitions: number
}

/** A member that reads topics with some threads each, at least one; it does not read the topics that are not named. */
export interface Reader {
  readonly memberId: string
  readonly threads: ReadonlyMap<string, number>
}

/** A partition that a member should own. */
export interface WantedPartition extends TopicPartition {
  /** Which of its threads the owner node is to name, where the way to divide tells. */
  readonly ownerThread?: number | undefined
}

/** By topic, at the number of each partition, the member that should own it; null: there is nobody to own it. */
export type Assignment = ReadonlyMap<string, readonly (string | null)[]>

/** In the order in which Java and JavaScript compare strings: by UTF-16 code units. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** In the order in which Go compares strings: by the bytes of UTF-8. It differs from the above beyond U+D7FF. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** The partitions that a member should own, by topic in the order of the assignment and number. */
export function partitionsOf(assignment: Assignment, memberId: string): WantedPartition[] {
  return Array.from(assignment, ([topic, owners]) =>
    owners.flatMap((owner, partition) => (owner === memberId ? [{ topic, partition }] : [])),
  ).flat()
}
