import type { ClusterMetadata, PartitionMetadata } from '../../shared/kafka/metadata.ts'
import { ERROR_CODE } from '../../shared/kafka/error-codes.ts'
import type { LeaderView } from '../../shared/protocol.ts'
import type { BrokerAddress, TopicPartition } from '../../shared/types.ts'

const NO_LEADER = -1

/** What the last metadata answers told: brokers, and who leads which partition. */
export class KnownCluster {
  #brokers: readonly BrokerAddress[] = []
  readonly #partitions = new Map<string, readonly PartitionMetadata[]>()
  readonly #topicIds = new Map<string, string>()

  /**
   * A topic that has an error at the moment keeps the leaders it had: whoever fetches from them gets the error as
   * well, and asks again. Without leaders nobody would.
   */
  learn(metadata: ClusterMetadata): void {
    this.#brokers = metadata.brokers
    for (const { topic, topicId, errorCode, partitions } of metadata.topics) {
      if (errorCode !== ERROR_CODE.none) continue
      this.#partitions.set(topic, partitions)
      if (topicId !== null) this.#topicIds.set(topic, topicId) // not from brokers that are older than the others
    }
  }

  /** The last that was heard of; null if the topic was never seen, or if topics have no ids there. */
  topicIdOf(topic: string): string | null {
    return this.#topicIds.get(topic) ?? null
  }

  leaderOf({ topic, partition }: TopicPartition): BrokerAddress | null {
    const leader = this.#partitions.get(topic)?.find(of => of.partition === partition)?.leader ?? NO_LEADER
    return this.#brokers.find(broker => broker.nodeId === leader) ?? null
  }

  leaderView(topics: readonly string[]): LeaderView {
    return {
      brokers: this.#brokers,
      leaders: Object.fromEntries(
        topics.map(topic => [topic, leadersByPartition(this.#partitions.get(topic) ?? [])]),
      ),
    }
  }
}

/** Indexed by partition number, without holes. */
function leadersByPartition(partitions: readonly PartitionMetadata[]): number[] {
  const length = Math.max(0, ...partitions.map(of => of.partition + 1))
  const leaders = new Array<number>(length).fill(NO_LEADER)
  for (const { partition, leader } of partitions) leaders[partition] = leader
  return leaders
}
