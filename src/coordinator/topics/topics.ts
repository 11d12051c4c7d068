import { GroupError } from '../../shared/errors.ts'
import type { TopicPartition } from '../../shared/types.ts'
import type { KafkaCluster, TopicDescription } from '../kafka/cluster.ts'

export interface TopicSplit {
  readonly existing: readonly TopicDescription[]
  readonly partitions: readonly TopicPartition[]
  readonly missing: readonly string[]
  /** BROKER_REFUSED for each topic that may not be seen. */
  readonly refused: readonly GroupError[]
}

/** Which of the subscribed topics exist, with their partitions in order. */
export async function findTopics(cluster: KafkaCluster, topics: readonly string[]): Promise<TopicSplit> {
  const described = await cluster.describeTopics(topics)
  const existing = described.filter(topic => topic.exists)
  return {
    existing,
    partitions: existing.flatMap(partitionsOf),
    missing: described.filter(topic => !topic.exists).map(topic => topic.topic),
    refused: described.map(topic => topic.refusal).filter(refusal => refusal !== null),
  }
}

/** In order. */
export function partitionsOf(topic: TopicDescription): TopicPartition[] {
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
