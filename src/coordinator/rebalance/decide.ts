import { GroupError, isGroupError } from '../../shared/errors.ts'
import { partitionsOf, type Assignment, type WantedPartition } from '../assignment/assignment.ts'
import { assignByModulo } from '../assignment/modulo.ts'
import { negotiate, type AssignmentKind, type Negotiation } from '../assignment/negotiate.ts'
import { nextPlan, type GroupView, type SeenTopic } from '../assignment/next-plan.ts'
import { decodePlan, encodePlan } from '../assignment/plan-format.ts'
import { assignmentOf, isOlderThan, type Plan } from '../assignment/plan.ts'
import { assignByRange, threadPartitionsOf } from '../assignment/range.ts'
import type { MembersView, StoredPlan } from '../storage/group-storage.ts'

/** What follows for this member from what it sees of the group. */
export type Decision = {
  readonly troubles: readonly GroupError[]
  /** What this member is to own. */
  readonly wanted: readonly WantedPartition[]
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
  /** The plan was made before other programs were here: what is held now counts, not what it says. */
  readonly isPlanOutdated?: boolean
  /** Who holds what by the owner nodes, which counts where there is no plan; null if that was not read. */
  readonly held: Assignment | null
  /** True for whoever is about to leave. */
  readonly isLeaving?: boolean
}

/** Each member waits for those that have been there longer: as long as one takes to look and to write. */
const WAIT_PER_RANK_MS = 60

export type Outcome =
  | (Decision & { readonly assignBy: AssignmentKind })
  /** The plan is newer than the members that were seen: look again. */
  | 'stale'
  /** `held` is needed. */
  | 'owners not read'

/**
 * A pure function of what is seen. Throws FORMAT_UNKNOWN while members of another version go by a plan that this one
 * cannot read: what is owned stays, nothing more is claimed, until that changes.
 */
export function decide(seen: SeenGroup): Outcome {
  const names = seen.topics.map(({ topic }) => topic)
  const negotiation = negotiate(seen.members.members, names, seen.idsPath)
  const { troubles, assignBy } = negotiation
  if (assignBy !== 'balanced')
    return { type: 'act', assignBy, troubles, wanted: wantedByRule(assignBy, negotiation, seen) }
  const read = readPlan(seen, negotiation)
  if (read.plan !== null && isOlderThan(seen.members.version, read.plan.ids)) return 'stale'
  const previous = seen.isPlanOutdated === true ? null : read.plan
  if (previous === null && seen.held === null) return 'owners not read'
  const held = seen.held ?? new Map()
  const plan = nextPlan({ previous, view: viewOf(negotiation, seen), leaving: leavingOf(seen), held })
  const bytes = encodePlan(plan)
  const wanted = partitionsOf(assignmentOf(plan), seen.memberId)
  const told = { assignBy, troubles: [...troubles, ...read.troubles], wanted }
  if (bytes.equals(seen.plan.bytes)) return { type: 'act', ...told }
  const waitMs = rankOf(seen) * WAIT_PER_RANK_MS
  return { type: 'write', ...told, plan: bytes, version: seen.plan.version, waitMs }
}

function wantedByRule(
  assignBy: 'modulo' | 'range',
  { readers }: Negotiation,
  { memberId, members, topics }: SeenGroup,
): readonly WantedPartition[] {
  if (assignBy === 'range') return threadPartitionsOf(assignByRange(readers, topics), memberId)
  const ids = members.members.map(member => member.memberId)
  return partitionsOf(assignByModulo(ids, topics), memberId)
}

/** One that cannot be read is replaced, unless somebody is here who can: it says nothing that anybody could act on. */
function readPlan(
  { plan, planPath }: SeenGroup,
  { otherVersions }: Negotiation,
): { plan: Plan | null; troubles: readonly GroupError[] } {
  if (plan.bytes.length === 0) return { plan: null, troubles: [] }
  try {
    return { plan: decodePlan(plan.bytes, planPath), troubles: [] }
  } catch (error) {
    if (!isGroupError(error)) throw error
    if (error.code === 'FORMAT_UNKNOWN' && otherVersions.length > 0) throw planOfOthers(error, otherVersions)
    return { plan: null, troubles: [error] }
  }
}

function planOfOthers(cause: GroupError, otherVersions: readonly string[]): GroupError {
  const members = otherVersions.join(', ')
  return new GroupError(
    'FORMAT_UNKNOWN',
    `${cause.message}; while ${members} of that version are members, this one keeps what it owns and claims nothing more`,
    { details: { ...cause.details, members }, cause },
  )
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
