import { GroupError } from '../shared/errors.ts'
import { partitionName, type Offset, type TopicPartition } from '../shared/types.ts'
import type { OffsetReset } from '../options/types.ts'
import type { Claim, GroupStorage, StoredOffset } from './storage/group-storage.ts'
import type { KafkaCluster } from './kafka/cluster.ts'

export type StartRule = 'stored' | 'earliest' | 'latest' | 'none'

/**
 * Where a partition starts that this member is about to own.
 * What is stored counts. A partition beyond those the group knew of its topic, or of a topic that appeared while the
 * member waited for it, is new: it starts at earliest, because at latest its first records would be lost. All else
 * is the birth of the group for that topic: the reset policy.
 */
export function startRule(
  partition: TopicPartition,
  stored: readonly TopicPartition[],
  topicAppearedLater: boolean,
  reset: OffsetReset,
): StartRule {
  const known = stored.filter(one => one.topic === partition.topic).map(one => one.partition)
  if (known.includes(partition.partition)) return 'stored'
  const isBeyondKnown = known.length > 0 && partition.partition > Math.max(...known)
  return topicAppearedLater || isBeyondKnown ? 'earliest' : reset
}

export interface StartOffsetsOptions {
  readonly groupId: string
  readonly offsetReset: OffsetReset
  readonly readCommitted: boolean
}

/** Resolves start positions against the brokers and stores them before anybody can skip records. */
export class StartOffsets {
  readonly #options: StartOffsetsOptions
  readonly #storage: GroupStorage
  readonly #cluster: KafkaCluster
  /** Topics that did not exist when this member started. */
  readonly #laterTopics = new Set<string>()

  constructor(options: StartOffsetsOptions, storage: GroupStorage, cluster: KafkaCluster) {
    this.#options = options
    this.#storage = storage
    this.#cluster = cluster
  }

  topicAppearedLater(topic: string): void {
    this.#laterTopics.add(topic)
  }

  /** At the birth of a group (or of topics in it): pins the start of every partition that has none. */
  async pinMissing(partitions: readonly TopicPartition[]): Promise<void> {
    const stored = await this.#readStored(partitions)
    const resolve = (rule: 'earliest' | 'latest'): Promise<StoredOffset[]> =>
      this.#resolve(
        partitions.filter(partition => this.#rule(partition, stored) === rule),
        rule,
      )
    const pins = [...(await resolve('earliest')), ...(await resolve('latest'))]
    if (pins.length > 0) await this.#storage.pinStartOffsets(pins)
  }

  /** Where a claim starts. Stores the position if nothing was stored. OFFSET_MISSING if the policy is 'none'. */
  async resolveStart(claim: Claim): Promise<Offset> {
    if (claim.committedOffset !== null) return claim.committedOffset
    const rule = this.#rule(claim, await this.#readStored([claim]))
    if (rule === 'none' || rule === 'stored') throw missingOffset(claim)
    const [start] = await this.#resolve([claim], rule)
    await this.#storage.commit(claim, start!.offset)
    return start!.offset
  }

  #rule(partition: TopicPartition, stored: readonly TopicPartition[]): StartRule {
    return startRule(partition, stored, this.#laterTopics.has(partition.topic), this.#options.offsetReset)
  }

  #readStored(partitions: readonly TopicPartition[]): Promise<StoredOffset[]> {
    return this.#storage.readOffsets(this.#options.groupId, [...new Set(partitions.map(one => one.topic))])
  }

  async #resolve(
    partitions: readonly TopicPartition[],
    rule: 'earliest' | 'latest',
  ): Promise<StoredOffset[]> {
    if (partitions.length === 0) return []
    return this.#cluster.listOffsets(partitions, rule, this.#options.readCommitted)
  }
}

function missingOffset(partition: TopicPartition): GroupError {
  const { topic, partition: number } = partition
  return new GroupError(
    'OFFSET_MISSING',
    `no offset is stored for ${partitionName(partition)} and offsetReset is 'none': store one, or choose 'earliest' or 'latest'`,
    { details: { topic, partition: number } },
  )
}
