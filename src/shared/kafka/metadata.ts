import type { BrokerAddress } from '../types.ts'
import { apis, Encoder, type KafkajsExchange, type KafkajsMetadata } from './kafkajs-internals.ts'

export interface PartitionMetadata {
  readonly partition: number
  /** Node id; -1 while there is none. */
  readonly leader: number
  readonly errorCode: number
}

export interface TopicMetadata {
  readonly topic: string
  /** 0, or why the broker tells nothing about the topic; 3 = it does not know it. */
  readonly errorCode: number
  /** By partition number; empty if the topic has an error. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface ClusterMetadata {
  readonly brokers: readonly BrokerAddress[]
  readonly topics: readonly TopicMetadata[]
}

/**
 * Metadata of exactly these topics, none of which is created by asking. Errors stay with their topic or partition:
 * kafkajs throws the first one and forgets the rest. It also sends an empty list as null, which means all topics.
 */
export function metadataExchange(
  topics: readonly string[],
  version: number,
): KafkajsExchange<KafkajsMetadata, ClusterMetadata> {
  const stock = apis.Metadata.protocol({ version })({ topics })
  return {
    request: {
      ...stock.request,
      encode: async () => new Encoder().writeArray(topics).writeBoolean(false),
    },
    response: { decode: stock.response.decode, parse: async decoded => clusterMetadata(decoded) },
    logResponseError: false,
  }
}

function clusterMetadata(decoded: KafkajsMetadata): ClusterMetadata {
  return {
    brokers: decoded.brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port })),
    topics: decoded.topicMetadata.map(({ topic, topicErrorCode, partitionMetadata }) => ({
      topic,
      errorCode: topicErrorCode,
      partitions: partitionMetadata
        .map(of => ({ partition: of.partitionId, leader: of.leader, errorCode: of.partitionErrorCode }))
        .sort((a, b) => a.partition - b.partition),
    })),
  }
}
