import { partitionName, type TopicPartition } from '../shared/types.ts'
import type { OwnedPartition } from './owned-partition.ts'
import { place, type ThreadLoad, type Weighted } from './threads/placement.ts'
import type { WorkerThread } from './threads/worker-thread.ts'

/** What a partition counts besides its backlog: its share of the records to come. */
const PRESENCE = 1

/** Decides which thread runs a lane at first; the lane balancer corrects later what this could not know. */
export class LanePlacer {
  readonly #threads: () => readonly WorkerThread[]
  readonly #partitions: () => readonly OwnedPartition[]
  readonly #planned = new Map<string, WorkerThread>()

  constructor(threads: () => readonly WorkerThread[], partitions: () => readonly OwnedPartition[]) {
    this.#threads = threads
    this.#partitions = partitions
  }

  /** Spreads partitions that are about to be claimed together. Weights are backlogs, in records. */
  plan(coming: readonly Weighted<TopicPartition>[]): void {
    const threads = this.#threads()
    const weighed = coming.map(({ item, weight }) => ({ item, weight: weight + PRESENCE }))
    for (const [partition, index] of place(weighed, this.#loads())) {
      this.#planned.set(partitionName(partition), threads[index]!)
    }
  }

  /** The thread it was planned for; otherwise the one with the least to do now. */
  choose(partition: TopicPartition): WorkerThread {
    const planned = this.#planned.get(partitionName(partition))
    this.#planned.delete(partitionName(partition)) // a later claim finds other loads
    if (planned !== undefined) return planned
    const index = place([{ item: partition, weight: PRESENCE }], this.#loads()).get(partition)!
    return this.#threads()[index]!
  }

  #loads(): ThreadLoad[] {
    const owned = this.#partitions()
    return this.#threads().map(thread => {
      const there = owned.filter(partition => partition.thread === thread)
      return { count: there.length, weight: there.reduce((sum, one) => sum + PRESENCE + backlogOf(one), 0) }
    })
  }
}

function backlogOf(partition: OwnedPartition): number {
  const lane = partition.memory?.read()
  return lane === undefined ? 0 : Math.max(0, lane.highWatermark - lane.floor)
}
