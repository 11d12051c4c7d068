import { compareText, type Assignment, type Reader, type TopicSize } from './assignment.ts'

/** Topics that the same members read with the same threads: to the balance of the group their partitions are all alike. */
export interface Pool {
  /** Their positions among all readers, ascending. A seat is an index into this list. */
  readonly readers: readonly number[]
  /** By seat. */
  readonly threads: readonly number[]
  readonly topics: readonly PoolTopic[]
}

/** The partitions of one topic that are to be divided. */
export interface PoolTopic {
  readonly topic: string
  readonly size: number
  /** By position of the reader: the partitions that it has, ascending. */
  readonly kept: Map<number, number[]>
  /** Partitions that nobody has, ascending. */
  readonly free: number[]
}

/** The members that read one topic, by position, and the threads that each has for it. */
interface Audience {
  readonly readers: number[]
  readonly threads: number[]
}

const FREE = -1
const LEFT_OUT = -2

/**
 * The problem to solve: every partition is with the reader that has it, or free where its holder does not read the
 * topic (any more). Partitions of `keepers` are left out, and so are topics that nobody reads.
 */
export function poolsOf(
  readers: readonly Reader[],
  topics: readonly TopicSize[],
  held: Assignment,
  keepers: ReadonlySet<string>,
): Pool[] {
  const audiences = audiencesOf(readers, topics)
  const positions = new Map(readers.map(({ memberId }, position) => [memberId, position]))
  const pools = new Map<string, Audience & { readonly topics: PoolTopic[] }>()
  for (const size of topics.toSorted((a, b) => compareText(a.topic, b.topic))) {
    const audience = audiences.get(size.topic)!
    if (audience.readers.length === 0) continue
    const name = `${audience.readers.join()};${audience.threads.join()}`
    const pool = pools.get(name) ?? { ...audience, topics: [] }
    pools.set(name, pool)
    const whereIs = (partition: number): number => {
      const holder = held.get(size.topic)?.[partition] ?? null
      if (holder === null) return FREE
      const position = positions.get(holder)
      if (position !== undefined && readers[position]!.threads.has(size.topic)) return position
      return keepers.has(holder) ? LEFT_OUT : FREE
    }
    pool.topics.push(poolTopic(size, whereIs))
  }
  return [...pools.values()]
}

/** Goes through what each reader announces once: asking every reader about every topic takes seconds for thousands. */
function audiencesOf(
  readers: readonly Reader[],
  topics: readonly TopicSize[],
): ReadonlyMap<string, Audience> {
  const audiences = new Map<string, Audience>()
  for (const { topic } of topics) audiences.set(topic, { readers: [], threads: [] })
  readers.forEach(({ threads }, position) => {
    for (const [topic, count] of threads) {
      const audience = audiences.get(topic)
      audience?.readers.push(position)
      audience?.threads.push(count)
    }
  })
  return audiences
}

function poolTopic({ topic, partitions }: TopicSize, whereIs: (partition: number) => number): PoolTopic {
  const kept = new Map<number, number[]>()
  const free: number[] = []
  let size = 0
  for (let partition = 0; partition < partitions; partition += 1) {
    const place = whereIs(partition)
    if (place === LEFT_OUT) continue
    size += 1
    if (place === FREE) free.push(partition)
    else addTo(kept, place, partition)
  }
  return { topic, size, kept, free }
}

/** What each reader of the pool, by seat, would get of so many of its partitions if they could be split. */
export function sharesOf({ threads }: Pool, partitions: number): number[] {
  const allThreads = threads.reduce((sum, count) => sum + count, 0)
  return threads.map(count => (partitions * count) / allThreads)
}

export function poolSize({ topics }: Pool): number {
  return topics.reduce((sum, { size }) => sum + size, 0)
}

/** Gives a partition to the reader at this position. */
export function addTo(kept: Map<number, number[]>, position: number, partition: number): void {
  const partitions = kept.get(position)
  if (partitions === undefined) kept.set(position, [partition])
  else partitions.push(partition)
}

/** How many partitions of the pool each of its readers has, by seat. */
export function keptCounts({ readers, topics }: Pool): number[] {
  const byPosition = new Map<number, number>()
  for (const { kept } of topics)
    for (const [position, partitions] of kept)
      byPosition.set(position, (byPosition.get(position) ?? 0) + partitions.length)
  return readers.map(position => byPosition.get(position) ?? 0)
}
