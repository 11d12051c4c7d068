import type { ResolvedOptions } from '../../options/types.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { TopicPartition } from '../../shared/types.ts'
import type { KafkaCluster, TopicDescription } from '../kafka/cluster.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { PartitionSet } from '../partitions/partition-set.ts'
import type { StartOffsets } from '../partitions/start-offsets.ts'
import type { GroupStorage } from '../storage/group-storage.ts'
import { TopicWatch, type TopicChange } from './topic-watch.ts'
import { findTopics, missingTopicsError, partitionsOf } from './topics.ts'

export interface TopicFollowerParts {
  readonly options: ResolvedOptions
  readonly storage: Pick<GroupStorage, 'readTopics'>
  readonly cluster: KafkaCluster
  readonly partitions: PartitionSet
  readonly starts: StartOffsets
  /** Gives the partition up and claims it again, to go on where its claim then finds that it starts. */
  restart(partition: OwnedPartition, reason: string): void
  /** Partitions may have come or gone. */
  rebalance(): void
  report(error: GroupError): void
}

/** New partitions get their leaders within a moment; one that does not must not hold up the others. */
const NEW_LEADER_PATIENCE_MS = 1000

/** What follows for this member from what happens to its topics: partitions that come, go, or become others. */
export class TopicFollower {
  readonly #parts: TopicFollowerParts
  readonly #watch: TopicWatch
  #existing: readonly TopicDescription[] = []

  constructor(parts: TopicFollowerParts) {
    this.#parts = parts
    const { options, storage, cluster } = parts
    this.#watch = new TopicWatch({
      topics: options.topics,
      maxAgeMs: options.kafka.metadataMaxAgeMs,
      storage,
      cluster,
      changed: change => this.#follow(change),
      unchanged: () => parts.rebalance(), // other members may read topics that this one does not watch
      report: error => parts.report(error),
      logger: options.logger,
    })
  }

  /** The partitions that there are at the start. BROKER_REFUSED, or TOPIC_NOT_FOUND unless missing topics are waited for. */
  async find(): Promise<readonly TopicPartition[]> {
    const { options, cluster, starts } = this.#parts
    const { existing, partitions, missing, refused } = await findTopics(cluster, options.topics)
    if (refused[0] !== undefined) throw refused[0]
    if (missing.length > 0 && options.missingTopics === 'fail') throw missingTopicsError(missing)
    starts.startWith(existing)
    this.#existing = existing
    return partitions
  }

  /** Follows whatever happens after `find`. */
  start(): void {
    this.#watch.start(this.#existing)
  }

  /** The storage tells of a change, or has forgotten that it is to tell. */
  notice(): void {
    this.#watch.notice()
  }

  /** Resolves when a look under way has ended, which may take as long as brokers take. Idempotent. */
  async stop(): Promise<void> {
    await this.#watch.stop()
  }

  /** The brokers were asked: partitions whose topic turns out to be another one than was claimed begin anew. */
  restartRecreated(): void {
    for (const one of this.#parts.partitions.all) this.restartIfRecreated(one)
  }

  /** Its next claim finds that what is stored belongs to an earlier topic. */
  restartIfRecreated(one: OwnedPartition): void {
    const present = this.#parts.cluster.topicIdOf(one.topic)
    if (one.topicId === null || present === null || present === one.topicId || one.isUnwanted) return
    this.#parts.restart(one, 'its topic was made again')
  }

  async #follow({ grown, fresh }: TopicChange): Promise<void> {
    const { starts } = this.#parts
    for (const topic of fresh) starts.topicAppearedLater(topic)
    await starts.pinMissing(grown.flatMap(partitionsOf), NEW_LEADER_PATIENCE_MS)
    this.restartRecreated()
    this.#parts.rebalance()
  }
}
