import { GroupError } from '../shared/errors.ts'
import type { TopicPartition } from '../shared/types.ts'
import type { KafkaCluster, TopicDescription } from './kafka/cluster.ts'

const LOOK_FOR_MISSING_EVERY_MS = 1000
/** Whoever looks again anyway need not wait for a topic. */
const NO_PATIENCE_MS = 0

export interface TopicSplit {
  readonly partitions: readonly TopicPartition[]
  readonly missing: readonly string[]
  /** BROKER_REFUSED for each topic that may not be seen. */
  readonly refused: readonly GroupError[]
}

/** Which of the subscribed topics exist, with their partitions in order. */
export async function findTopics(
  cluster: KafkaCluster,
  topics: readonly string[],
  patienceMs?: number,
): Promise<TopicSplit> {
  const described = await cluster.describeTopics(topics, patienceMs)
  return {
    partitions: described.filter(topic => topic.exists).flatMap(partitionsOf),
    missing: described.filter(topic => !topic.exists).map(topic => topic.topic),
    refused: described.map(topic => topic.refusal).filter(refusal => refusal !== null),
  }
}

function partitionsOf(topic: TopicDescription): TopicPartition[] {
  return topic.partitions
    .map(({ partition }) => ({ topic: topic.topic, partition }))
    .sort((a, b) => a.partition - b.partition)
}

export function missingTopicsError(missing: readonly string[]): GroupError {
  const names = missing.map(topic => `"${topic}"`).join(', ')
  const subject = missing.length === 1 ? `topic ${names} does not exist` : `topics ${names} do not exist`
  return new GroupError(
    'TOPIC_NOT_FOUND',
    `${subject}: create ${missing.length === 1 ? 'it' : 'them'}, or start with missingTopics: 'wait'`,
    {
      details: { topics: missing.join(',') },
    },
  )
}

/** Looks for topics that do not exist yet until all have appeared or `stop` is called. */
export class MissingTopics {
  readonly #cluster: KafkaCluster
  readonly #appeared: (partitions: readonly TopicPartition[]) => Promise<void>
  readonly #troubled: (error: unknown) => void
  readonly #told = new Set<string>()
  #missing: readonly string[] = []
  #timer: NodeJS.Timeout | null = null
  #look: Promise<void> | null = null

  constructor(
    cluster: KafkaCluster,
    appeared: (partitions: readonly TopicPartition[]) => Promise<void>,
    troubled: (error: unknown) => void,
  ) {
    this.#cluster = cluster
    this.#appeared = appeared
    this.#troubled = troubled
  }

  start(missing: readonly string[]): void {
    this.#missing = missing
    if (missing.length === 0) return
    this.#timer ??= setInterval(() => {
      this.#look ??= this.#lookOnce().finally(() => {
        this.#look = null
      })
    }, LOOK_FOR_MISSING_EVERY_MS)
  }

  /** No further look; resolves when the one under way has ended, which may take as long as brokers take. Idempotent. */
  async stop(): Promise<void> {
    this.#clear()
    await this.#look
  }

  async #lookOnce(): Promise<void> {
    try {
      const found = await findTopics(this.#cluster, this.#missing, NO_PATIENCE_MS)
      if (this.#timer === null) return // stopped meanwhile
      this.#tellRefused(found.refused)
      if (found.partitions.length === 0) return
      await this.#appeared(found.partitions)
      this.#missing = found.missing
      if (found.missing.length === 0) this.#clear()
    } catch (error) {
      if (this.#timer !== null) this.#troubled(error) // else stopping cut the look
    }
  }

  /** Each cause once: the topic is looked for on, and the others are not held up. */
  #tellRefused(refused: readonly GroupError[]): void {
    for (const refusal of refused) {
      if (this.#told.has(refusal.message)) continue
      this.#told.add(refusal.message)
      this.#troubled(refusal)
    }
  }

  #clear(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}
