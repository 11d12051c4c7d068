import type { BrokerAddress } from '../types.ts'
import { flexibleMetadataExchange, FLEXIBLE_METADATA } from './flexible-metadata.ts'
import { apis, Encoder, type KafkajsExchange, type KafkajsMetadata } from './kafkajs-internals.ts'
import { inOrder } from './partitions-in-order.ts'

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
  /** Tells a topic from one that was made later under its name; null if the broker gives topics no ids. */
  readonly topicId: string | null
  /** By partition number; empty if the topic has an error. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface ClusterMetadata {
  readonly brokers: readonly BrokerAddress[]
  readonly topics: readonly TopicMetadata[]
}

export interface MetadataAnswer extends ClusterMetadata {
  /** The broker asks for this pause before the next request; the connection keeps it. */
  readonly clientSideThrottleTime: number
}

export type MetadataExchange = KafkajsExchange<MetadataAnswer, ClusterMetadata>

/** The newest version that kafkajs knows, and that is asked of brokers whose topics have no ids. */
const NEWEST_OF_KAFKAJS = 6

/** Metadata of exactly these topics, none of which is created by asking. Errors stay with their topic or partition. */
export function metadataExchange(topics: readonly string[], version: number): MetadataExchange {
  return version >= FLEXIBLE_METADATA
    ? flexibleMetadataExchange(topics, version)
    : stockMetadataExchange(topics, Math.min(version, NEWEST_OF_KAFKAJS))
}

/**
 * kafkajs's, except that it throws the first error and forgets the rest, and that it sends an empty list as null, which
 * means all topics.
 */
function stockMetadataExchange(topics: readonly string[], version: number): MetadataExchange {
  const stock = apis.Metadata.protocol({ version })({ topics })
  return {
    request: {
      ...stock.request,
      encode: async () => new Encoder().writeArray(topics).writeBoolean(false),
    },
    response: {
      decode: async payload => clusterMetadata(await stock.response.decode(payload)),
      parse: async ({ brokers, topics: found }) => ({ brokers, topics: found }),
    },
    logResponseError: false,
  }
}

function clusterMetadata(decoded: KafkajsMetadata): MetadataAnswer {
  return {
    clientSideThrottleTime: decoded.clientSideThrottleTime ?? 0,
    brokers: decoded.brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port })),
    topics: decoded.topicMetadata.map(({ topic, topicErrorCode, partitionMetadata }) => ({
      topic,
      errorCode: topicErrorCode,
      topicId: null,
      partitions: inOrder(
        topic,
        partitionMetadata.map(of => ({
          partition: of.partitionId,
          leader: of.leader,
          errorCode: of.partitionErrorCode,
        })),
      ),
    })),
  }
}
