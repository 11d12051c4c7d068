import { compareText, type Assignment, type Reader, type TopicSize } from './assignment.ts'
import { handOver } from './hand-over.ts'
import { poolsOf } from './pools.ts'
import { targetCounts } from './target-counts.ts'

export interface BalanceInput {
  /** Who has which partition: the previous plan, or the owner nodes where there is none. May be empty. */
  readonly held: Assignment
  /** The members to divide among. One that came back under its id counts as having stayed. */
  readonly readers: readonly Reader[]
  readonly topics: readonly TopicSize[]
  /** Members that keep what they hold and get nothing more: what they announce cannot be read at the moment. */
  readonly keepers?: ReadonlySet<string>
}

const NOBODY: ReadonlySet<string> = new Set()

/**
 * Divides partitions by weight, and moves as few as that takes.
 *
 * A member's *share* of a topic is the topic's partitions, split among those that read it in proportion to the threads
 * that each has for it; its share is the sum over its topics. Guaranteed, also where members read different topics:
 *
 * 1. Every partition of a topic that anybody reads is with a member that reads it.
 * 2. Every member has its share in total, rounded down or up. (A share within 1e-9 of a whole number is that number.)
 * 3. No assignment that keeps 1 and 2 takes fewer partitions away from members that hold and read them.
 * 4. The same input, in whatever order, gives the same assignment; its own result as `held` gives it again.
 *
 * What 3 means if all members read the same topics: nobody both loses and gets partitions. With r = those beyond the
 * rounded up shares, l = those that are short of the rounded down ones, and f = those that nobody holds, exactly
 * max(r, l - f) are taken away. If all have the same number of threads too, a leave moves what the leaver had and nothing
 * else, and a join moves partitions to the newcomer only: its share rounded down, or up if more are beyond the others'.
 * Otherwise a share may cross a whole number while the member is at the wrong side of it, and then a partition moves
 * between members that stay; where members read different topics, partitions may also have to move on in a chain.
 *
 * Aimed at, not guaranteed: the same balance within each topic, for one may be busier than all others. Which partitions
 * move, and to whom, is chosen for that; nothing moves for that alone. (Figures: docs/decisions/0006.)
 */
export function assignBalanced({ held, readers, topics, keepers = NOBODY }: BalanceInput): Assignment {
  const members = readers.toSorted((a, b) => compareText(a.memberId, b.memberId))
  const pools = poolsOf(members, topics, held, keepers)
  const targets = targetCounts(pools, members.length)
  const owners = new Map(
    topics.map(({ topic, partitions }) => [topic, keptBy(keepers, held.get(topic) ?? [], partitions)]),
  )
  pools.forEach((pool, index) => {
    handOver(pool, targets[index]!)
    for (const { topic, kept } of pool.topics)
      for (const [position, partitions] of kept)
        for (const partition of partitions) owners.get(topic)![partition] = members[position]!.memberId
  })
  return owners
}

function keptBy(
  keepers: ReadonlySet<string>,
  holders: readonly (string | null)[],
  partitions: number,
): (string | null)[] {
  return Array.from({ length: partitions }, (_, partition) => {
    const holder = holders[partition] ?? null
    return holder !== null && keepers.has(holder) ? holder : null
  })
}
