import { compareText } from '../assignment/assignment.ts'
import { parseIdNode, type IdNode } from '../assignment/id-node.ts'
import type { Subscription } from '../assignment/subscription.ts'
import type { StoredGroup } from '../storage/zookeeper/group-reader.ts'

/**
 * What somebody in a group is. `ours` is a member of this package, `classic` a Scala consumer or one that announces
 * itself as they do, `original` one of the Go original; `unknown-format` is of a later version of this package, and
 * `unreadable` announces what nobody understands. `absent` is no member: owner nodes name it, but it has no node under
 * `ids`. It has left or died a moment ago, or something else holds these partitions.
 */
export type MemberKind = IdNode['kind'] | 'absent'

/** A member of a group as it announced itself, or somebody who owns partitions without being one. */
export interface DescribedMember {
  /** Its id; what the owner node says, if it is absent. */
  readonly member: string
  readonly kind: MemberKind
  /** The most threads that it announced for a topic. Null: it announced nothing that is understood. */
  readonly threads: number | null
  /** Topics that it announced by name, sorted. Null: none, or by a pattern. */
  readonly topics: readonly string[] | null
  /** `white_list` or `black_list` and the pattern with which a classic consumer picks topics. Null: there is none. */
  readonly pattern: string | null
  /** Number of partitions that it owns. */
  readonly partitions: number
}

type Announced = Pick<DescribedMember, 'threads' | 'topics' | 'pattern'>

const NOTHING: Announced = { threads: null, topics: null, pattern: null }

/** Everybody who is in the group, also those who own nothing; then everybody else who owns something. */
export function describeMembers({ members, owners }: StoredGroup): DescribedMember[] {
  const owned = new Map<string, number>()
  for (const { owner } of owners) owned.set(owner, (owned.get(owner) ?? 0) + 1)
  const live = members.map(({ memberId, data }): DescribedMember => {
    const says = parseIdNode(data)
    return { member: memberId, kind: says.kind, ...announcedBy(says), partitions: owned.get(memberId) ?? 0 }
  })
  for (const { memberId } of members) owned.delete(memberId)
  const absent = Array.from(owned, ([member, partitions]): DescribedMember => {
    return { member, kind: 'absent', ...NOTHING, partitions }
  })
  return [live, absent].flatMap(some => some.sort((a, b) => compareText(a.member, b.member)))
}

function announcedBy(node: IdNode): Announced {
  return 'subscription' in node ? subscribed(node.subscription) : NOTHING
}

function subscribed(subscription: Subscription): Announced {
  if (subscription.pattern !== 'static') {
    const { pattern, text, threads } = subscription
    return { threads, topics: null, pattern: `${pattern} ${text}` }
  }
  const { topics } = subscription
  const threads = topics.size === 0 ? null : Math.max(...topics.values())
  return { threads, topics: [...topics.keys()].sort(compareText), pattern: null }
}
