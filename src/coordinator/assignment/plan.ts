import type { Assignment } from './assignment.ts'

/**
 * When the children of `ids` were looked at. ZooKeeper changes a node's children one change after the other and counts
 * them, so two looks at the same count saw the same members, and the greater count is the later look: a total order. It
 * goes on when `ids` itself was deleted and made again, because the new node has a greater czxid.
 */
export interface IdsVersion {
  readonly czxid: bigint
  readonly cversion: number
}

export interface PlannedMember {
  readonly memberId: string
  /** Of its id node: tells it from one that comes later under the same name. */
  readonly czxid: bigint
  /** It said that it goes: it owns nothing in this plan and those after it, although its id node is still there. */
  readonly isLeaving: boolean
}

export interface PlannedTopic {
  readonly topic: string
  /** Null where the brokers have no topic ids. */
  readonly topicId: string | null
  /** At the number of each partition the member that should own it; null: there is nobody to own it. */
  readonly owners: readonly (string | null)[]
}

/** What the group agrees on, and what it was computed from. */
export interface Plan {
  readonly ids: IdsVersion
  /** Everybody who was registered, by name. */
  readonly members: readonly PlannedMember[]
  /** By name. */
  readonly topics: readonly PlannedTopic[]
}

/** Whoever sees older members than a plan was made from must look again; it may not replace the plan. */
export function isOlderThan(seen: IdsVersion, planned: IdsVersion): boolean {
  return seen.czxid === planned.czxid ? seen.cversion < planned.cversion : seen.czxid < planned.czxid
}

export function assignmentOf({ topics }: Plan): Assignment {
  return new Map(topics.map(({ topic, owners }) => [topic, owners]))
}
