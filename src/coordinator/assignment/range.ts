import { compareText, type Reader, type TopicSize, type WantedPartition } from './assignment.ts'

/** A thread of a member, as the classic consumers number them: from 0, anew for each topic. */
export interface ReaderThread {
  readonly memberId: string
  readonly thread: number
}

/** By topic, at the number of each partition, the thread that should own it; null: no member reads the topic. */
export type RangeAssignment = ReadonlyMap<string, readonly (ReaderThread | null)[]>

/** How the classic consumers name a thread, and what they write into the owner nodes of its partitions. */
export function threadName({ memberId, thread }: ReaderThread): string {
  return `${memberId}-${thread}`
}

/**
 * What classic Scala consumers compute (`RangeAssignor` of kafka.consumer, their default): the threads of all members
 * that read a topic are sorted as strings by their names, so that `c-10` comes before `c-2` and `a!-0` before `a-0`,
 * and take consecutive partitions; the first ones take one more where it does not come out even.
 */
export function assignByRange(readers: readonly Reader[], topics: readonly TopicSize[]): RangeAssignment {
  return new Map(topics.map(size => [size.topic, divide(size.partitions, threadsOf(size.topic, readers))]))
}

/** The partitions that a member should own, each for one of its threads. */
export function threadPartitionsOf(assignment: RangeAssignment, memberId: string): WantedPartition[] {
  return Array.from(assignment, ([topic, owners]) =>
    owners.flatMap((owner, partition) =>
      owner?.memberId === memberId ? [{ topic, partition, ownerThread: owner.thread }] : [],
    ),
  ).flat()
}

function threadsOf(topic: string, readers: readonly Reader[]): ReaderThread[] {
  return readers
    .flatMap(({ memberId, threads }) =>
      Array.from({ length: threads.get(topic) ?? 0 }, (_, thread) => ({ memberId, thread })),
    )
    .map(thread => ({ thread, name: threadName(thread) }))
    .sort((a, b) => compareText(a.name, b.name))
    .map(({ thread }) => thread)
}

function divide(partitions: number, threads: readonly ReaderThread[]): (ReaderThread | null)[] {
  if (threads.length === 0) return new Array<null>(partitions).fill(null)
  const each = Math.floor(partitions / threads.length)
  const withOneMore = partitions % threads.length
  return threads.flatMap((thread, position) =>
    new Array<ReaderThread>(each + (position < withOneMore ? 1 : 0)).fill(thread),
  )
}
