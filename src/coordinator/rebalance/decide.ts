import type { GroupError } from '../../shared/errors.ts'
import { isGroupError } from '../../shared/errors.ts'
import type { TopicPartition } from '../../shared/types.ts'
import { partitionsOf, type Assignment } from '../assignment/assignment.ts'
import { assignByModulo } from '../assignment/modulo.ts'
import { negotiate, type Negotiation } from '../assignment/negotiate.ts'
import { nextPlan, type GroupView, type SeenTopic } from '../assignment/next-plan.ts'
import { decodePlan, encodePlan } from '../assignment/plan-format.ts'
import { assignmentOf, isOlderThan, type Plan } from '../assignment/plan.ts'
import { assignByRange } from '../assignment/range.ts'
import type { MembersView, StoredPlan } from '../storage/group-storage.ts'

/** What follows for this member from what it sees of the group. */
export type Decision = {
  readonly troubles: readonly GroupError[]
  /** What this member is to own. */
  readonly wanted: readonly TopicPartition[]
} & (
  | { readonly type: 'act' }
  /** The plan that is there does not fit: this one does, and it is in force once it is stored over `version`. */
  | { readonly type: 'write'; readonly plan: Buffer; readonly version: number; readonly waitMs: number }
)

export interface SeenGroup {
  readonly memberId: string
  /** For messages. */
  readonly idsPath: string
  readonly planPath: string
  readonly members: MembersView
  /** All topics that exist of those that any member may read. */
  readonly topics: readonly SeenTopic[]
  readonly plan: StoredPlan
  /** True for whoever is about to leave. */
  readonly isLeaving?: boolean
}

/** Each member waits for those that have been there longer: as long as one takes to look and to write. */
const WAIT_PER_RANK_MS = 60

/** A pure function of what is seen. 'stale' if the plan is newer than the members that were seen: look again. */
export function decide(seen: SeenGroup): Decision | 'stale' {
  const names = seen.topics.map(({ topic }) => topic)
  const negotiation = negotiate(seen.members.members, names, seen.idsPath)
  const { troubles } = negotiation
  if (negotiation.assignBy !== 'balanced')
    return { type: 'act', troubles, wanted: wantedBy(assignByRule(negotiation, seen), seen) }
  const read = readPlan(seen)
  if (read.plan !== null && isOlderThan(seen.members.version, read.plan.ids)) return 'stale'
  const plan = nextPlan({ previous: read.plan, view: viewOf(negotiation, seen), leaving: leavingOf(seen) })
  const bytes = encodePlan(plan)
  const told = { troubles: [...troubles, ...read.troubles], wanted: wantedBy(assignmentOf(plan), seen) }
  if (bytes.equals(seen.plan.bytes)) return { type: 'act', ...told }
  const waitMs = rankOf(seen) * WAIT_PER_RANK_MS
  return { type: 'write', ...told, plan: bytes, version: seen.plan.version, waitMs }
}

function assignByRule({ assignBy, readers }: Negotiation, { members, topics }: SeenGroup): Assignment {
  if (assignBy === 'modulo')
    return assignByModulo(
      members.members.map(({ memberId }) => memberId),
      topics,
    )
  const byThread = assignByRange(readers, topics)
  return new Map(
    Array.from(byThread, ([topic, owners]) => [topic, owners.map(owner => owner?.memberId ?? null)]),
  )
}

function wantedBy(assignment: Assignment, { memberId }: SeenGroup): TopicPartition[] {
  return partitionsOf(assignment, memberId)
}

/** One that cannot be read is replaced: it says nothing that anybody could act on. */
function readPlan({ plan, planPath }: SeenGroup): { plan: Plan | null; troubles: readonly GroupError[] } {
  if (plan.bytes.length === 0) return { plan: null, troubles: [] }
  try {
    return { plan: decodePlan(plan.bytes, planPath), troubles: [] }
  } catch (error) {
    if (!isGroupError(error)) throw error
    return { plan: null, troubles: [error] }
  }
}

function viewOf({ readers, strangers }: Negotiation, { members, topics }: SeenGroup): GroupView {
  const isRead = ({ topic }: SeenTopic): boolean => readers.some(({ threads }) => threads.has(topic))
  return { ids: members.version, members: members.members, readers, strangers, topics: topics.filter(isRead) }
}

function leavingOf({ isLeaving = false, memberId }: SeenGroup): readonly string[] {
  return isLeaving ? [memberId] : []
}

/** How many members have been there longer. */
function rankOf({ members: { members }, memberId }: SeenGroup): number {
  const own = members.find(member => member.memberId === memberId)
  return members.filter(({ czxid }) => own !== undefined && czxid < own.czxid).length
}
