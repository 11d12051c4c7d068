import fc from 'fast-check'
import type { Assignment, Reader, TopicSize } from '#src/coordinator/assignment/assignment.js'

/** A member that reads these topics with so many threads each. */
export function reader(memberId: string, topics: readonly string[], threads = 1): Reader {
  return { memberId, threads: new Map(topics.map(topic => [topic, threads])) }
}

export function topicsOf(sizes: Readonly<Record<string, number>>): TopicSize[] {
  return Object.entries(sizes).map(([topic, partitions]) => ({ topic, partitions }))
}

export interface Owned {
  readonly topic: string
  readonly partition: number
  readonly owner: string | null
}

export function everyPartition(assignment: Assignment): Owned[] {
  return Array.from(assignment, ([topic, owners]) =>
    owners.map((owner, partition) => ({ topic, partition, owner })),
  ).flat()
}

/** How many partitions each owner has; readers without any are not in it. */
export function countByOwner(partitions: readonly Owned[]): Map<string | null, number> {
  const counts = new Map<string | null, number>()
  for (const { owner } of partitions) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  return counts
}

export interface Move extends Owned {
  /** Who had it; null: nobody. `owner` has it now. */
  readonly from: string | null
}

/** The partitions of `after` that were somebody else's, or nobody's, in `before`. */
export function movesBetween(before: Assignment, after: Assignment): Move[] {
  return everyPartition(after)
    .map(now => ({ ...now, from: before.get(now.topic)?.[now.partition] ?? null }))
    .filter(({ from, owner }) => from !== owner)
}

/** The moves that take a partition from a member that is there and reads its topic. */
export function takenAway(before: Assignment, after: Assignment, readers: readonly Reader[]): Move[] {
  return movesBetween(before, after).filter(({ topic, from }) =>
    readers.some(({ memberId, threads }) => memberId === from && threads.has(topic)),
  )
}

/** By member, what it would get in total if partitions could be split: the definition, written down once more. */
export function fairShares(readers: readonly Reader[], topics: readonly TopicSize[]): Map<string, number> {
  return new Map(
    readers.map(({ memberId, threads }) => {
      let share = 0
      for (const { topic, partitions } of topics) {
        const own = threads.get(topic) ?? 0
        const all = readers.reduce((sum, other) => sum + (other.threads.get(topic) ?? 0), 0)
        if (own > 0) share += partitions * (own / all)
      }
      return [memberId, share]
    }),
  )
}

/** The whole numbers next to a share; twice the same for one that is whole, but for what computing it loses. */
export function bounds(share: number): { least: number; most: number } {
  return { least: Math.floor(share + 1e-9), most: Math.ceil(share - 1e-9) }
}

/** One thing that happens to a group. `pick` chooses whom, among those that are there. */
export type Change =
  | { readonly type: 'join'; readonly threads: number; readonly reads: readonly boolean[] }
  | { readonly type: 'leave'; readonly pick: number }
  | { readonly type: 'grow'; readonly pick: number; readonly by: number }

export const SIX_TOPICS = ['a', 'b', 'c', 'd', 'e', 'f']

const anyTopics = fc.array(fc.boolean(), { minLength: SIX_TOPICS.length, maxLength: SIX_TOPICS.length })
const allTopics = fc.constant(SIX_TOPICS.map(() => true))

/** A birth of up to forty members, then joins and leaves, about as many. `threads`: of those who join. */
export function changes(options: {
  /** Everybody reads everything. */
  readonly sameTopics: boolean
  readonly threads: fc.Arbitrary<number>
}): fc.Arbitrary<Change[]> {
  const reads = options.sameTopics ? allTopics : anyTopics
  const join = fc.record({ type: fc.constant('join' as const), threads: options.threads, reads })
  const leave = fc.record({ type: fc.constant('leave' as const), pick: fc.nat() })
  const grow = fc.record({
    type: fc.constant('grow' as const),
    pick: fc.nat(),
    by: fc.integer({ min: 1, max: 9 }),
  })
  const birth = fc.array(join, { minLength: 1, maxLength: 40 })
  const life = fc.array(
    fc.oneof({ arbitrary: join, weight: 6 }, { arbitrary: leave, weight: 6 }, { arbitrary: grow, weight: 1 }),
    { maxLength: 30 },
  )
  return fc.tuple(birth, life).map(([joins, later]) => [...joins, ...later])
}

export interface Group {
  readonly readers: readonly Reader[]
  readonly topics: readonly TopicSize[]
}

/** The group after the change; `number` makes the names of newcomers unique, in no order of their own. */
export function changed({ readers, topics }: Group, change: Change, number: number): Group {
  switch (change.type) {
    case 'join': {
      const read = SIX_TOPICS.filter((_, index) => change.reads[index])
      return { readers: [...readers, reader(`${(number * 7) % 10}-${number}`, read, change.threads)], topics }
    }
    case 'leave': {
      const leaver = change.pick % Math.max(1, readers.length)
      return { readers: readers.filter((_, index) => index !== leaver), topics }
    }
    case 'grow': {
      const grown = change.pick % topics.length
      return {
        readers,
        topics: topics.map((size, index) =>
          index === grown ? { ...size, partitions: size.partitions + change.by } : size,
        ),
      }
    }
  }
}

/** Sizes for the six topics. */
export const sixSizes: fc.Arbitrary<TopicSize[]> = fc
  .array(fc.nat(20), { minLength: SIX_TOPICS.length, maxLength: SIX_TOPICS.length })
  .map(sizes => SIX_TOPICS.map((topic, index) => ({ topic, partitions: sizes[index]! })))
