import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import { partitionName, type TopicPartition } from '../../shared/types.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import { place, type ThreadLoad, type Weighted } from './placement.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'

/** What a partition counts besides its backlog: its share of the records to come. */
const PRESENCE = 1

export interface LanePlacerParts {
  readonly threads: () => readonly WorkerThread[]
  readonly partitions: () => readonly OwnedPartition[]
  /** Backlogs, in records. */
  readonly weigh: (coming: readonly TopicPartition[]) => Promise<readonly Weighted<TopicPartition>[]>
  readonly logger: Logger
}

/** Decides which thread runs a lane at first; the lane balancer corrects later what this could not know. */
export class LanePlacer {
  readonly #parts: LanePlacerParts
  readonly #planned = new Map<string, WorkerThread>()
  #planning: Promise<void> = Promise.resolve()

  constructor(parts: LanePlacerParts) {
    this.#parts = parts
  }

  /** Spreads partitions that are about to be claimed together. Their claims need not wait for it, only their lanes. */
  plan(coming: readonly TopicPartition[]): void {
    if (this.#parts.threads().length > 1) this.#planning = this.#planning.then(() => this.#plan(coming))
  }

  /** Resolves when all that were to be spread so far have been. Never rejects. */
  get planned(): Promise<void> {
    return this.#planning
  }

  /** The thread it was planned for; otherwise the one with the least to do now. */
  choose(partition: TopicPartition): WorkerThread {
    const planned = this.#planned.get(partitionName(partition))
    this.#planned.delete(partitionName(partition)) // a later claim finds other loads
    if (planned?.isRunning === true) return planned
    const threads = this.#choice
    const index = place([{ item: partition, weight: PRESENCE }], this.#loads(threads)).get(partition)!
    return threads[index]!
  }

  /** Not those that are ending, unless all are: a native call may keep one for long, and what takes its place is not there yet. */
  get #choice(): readonly WorkerThread[] {
    const threads = this.#parts.threads()
    const running = threads.filter(thread => thread.isRunning)
    return running.length === 0 ? threads : running
  }

  /** Never rejects. */
  async #plan(coming: readonly TopicPartition[]): Promise<void> {
    try {
      const weighed = await this.#parts.weigh(coming)
      const withPresence = weighed.map(({ item, weight }) => ({ item, weight: weight + PRESENCE }))
      const threads = this.#choice
      for (const [partition, index] of place(withPresence, this.#loads(threads)))
        this.#planned.set(partitionName(partition), threads[index]!)
    } catch (error) {
      this.#parts.logger.warn({ err: toLoggable(error) }, 'lanes are placed without knowing their backlogs')
    }
  }

  #loads(threads: readonly WorkerThread[]): ThreadLoad[] {
    const owned = this.#parts.partitions()
    return threads.map(thread => {
      const there = owned.filter(partition => partition.thread === thread)
      return { count: there.length, weight: there.reduce((sum, one) => sum + PRESENCE + backlogOf(one), 0) }
    })
  }
}

function backlogOf(partition: OwnedPartition): number {
  const lane = partition.work?.read()
  return lane === undefined ? 0 : Math.max(0, lane.highWatermark - lane.floor)
}
