import { GroupError } from '../../shared/errors.ts'
import { compareText, type Assignment, type Reader } from './assignment.ts'
import { assignBalanced } from './balanced.ts'
import { assignmentOf, isOlderThan, type IdsVersion, type Plan, type PlannedMember } from './plan.ts'

/** A group as one of its members sees it. */
export interface GroupView {
  readonly ids: IdsVersion
  /** Everybody under `ids`. */
  readonly members: readonly { readonly memberId: string; readonly czxid: bigint }[]
  /** Those under `ids` whose announcement is understood, and those whose is not: see `negotiate`. */
  readonly readers: readonly Reader[]
  readonly strangers: ReadonlySet<string>
  /** The topics that exist and that any reader reads, not only those of this member. */
  readonly topics: readonly SeenTopic[]
}

export interface SeenTopic {
  readonly topic: string
  /** Null where the brokers have no topic ids. */
  readonly topicId: string | null
  readonly partitions: number
}

export interface PlanChange {
  /** The plan as it is; null if there is none, or none that can be read. */
  readonly previous: Plan | null
  readonly view: GroupView
  /** Members that go now, by id. Who has gone by the previous plan need not be named again. */
  readonly leaving?: readonly string[]
  /** Who holds what by the owner nodes; counts only where there is no previous plan. */
  readonly held?: Assignment
}

/**
 * The plan that follows from the previous one and a view that is not older. To be written on condition that the plan
 * node is still the one that was read; a plan that encodes to the same bytes need not be written.
 *
 * Topics have no count of changes, so the plan keeps the best that any of its writers knew: of one topic id the larger
 * number of partitions, for it only grows. Between two ids of a topic, or a topic that is there and one that is not,
 * nothing tells which is older: there the view counts, and the caller has to have asked the brokers after it read the
 * previous plan. A topic that was made again keeps its owners, as far as it goes: they hold the nodes already.
 */
export function nextPlan({ previous, view, leaving = [], held }: PlanChange): Plan {
  if (previous !== null && isOlderThan(view.ids, previous.ids))
    throw new GroupError('INTERNAL', 'a plan is to be replaced from a view that is older than it')
  const members = planMembers(previous, view, new Set(leaving))
  const goers = new Set(members.filter(({ isLeaving }) => isLeaving).map(({ memberId }) => memberId))
  const keepers = keepersOf(previous, view, goers)
  const topics = planTopics(previous, view, keepers)
  const assignment = assignBalanced({
    held: previous === null ? (held ?? new Map()) : assignmentOf(previous),
    readers: view.readers.filter(({ memberId }) => !goers.has(memberId)),
    keepers,
    topics,
  })
  return {
    ids: view.ids,
    members,
    topics: topics.map(({ topic, topicId }) => ({ topic, topicId, owners: assignment.get(topic)! })),
  }
}

function planMembers(
  previous: Plan | null,
  { members }: GroupView,
  leaving: ReadonlySet<string>,
): PlannedMember[] {
  const before = membersById(previous)
  return members
    .map(({ memberId, czxid }) => {
      const planned = before.get(memberId)
      const hasSaidSo = planned?.czxid === czxid && planned.isLeaving
      return { memberId, czxid, isLeaving: hasSaidSo || leaving.has(memberId) }
    })
    .sort((a, b) => compareText(a.memberId, b.memberId))
}

/**
 * Strangers that were understood when they got what they have: their id nodes were damaged while they live. One that
 * has registered since then has nothing yet.
 */
function keepersOf(
  previous: Plan | null,
  { members, strangers }: GroupView,
  goers: ReadonlySet<string>,
): ReadonlySet<string> {
  const before = membersById(previous)
  return new Set(
    members
      .filter(({ memberId }) => strangers.has(memberId) && !goers.has(memberId))
      .filter(({ memberId, czxid }) => previous === null || before.get(memberId)?.czxid === czxid)
      .map(({ memberId }) => memberId),
  )
}

/** The topics of the view, and those that only keepers read, as far as anybody knows. */
function planTopics(
  previous: Plan | null,
  view: GroupView,
  keepers: ReadonlySet<string>,
): readonly SeenTopic[] {
  const topics = new Map(view.topics.map(seen => [seen.topic, seen]))
  for (const { topic, topicId, owners } of previous?.topics ?? []) {
    const planned = { topic, topicId, partitions: owners.length }
    const seen = topics.get(topic)
    const isKept = owners.some(owner => owner !== null && keepers.has(owner))
    const isBehind = topicId !== null && seen?.topicId === topicId && seen.partitions < planned.partitions
    if (isBehind || (seen === undefined && isKept)) topics.set(topic, planned)
  }
  return [...topics.values()].sort((a, b) => compareText(a.topic, b.topic))
}

function membersById(plan: Plan | null): ReadonlyMap<string, PlannedMember> {
  return new Map(plan?.members.map(member => [member.memberId, member]))
}
