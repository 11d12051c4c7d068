/** A topic-partition. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/**
 * Offsets travel inside the runtime as numbers: exact up to 2^53, and free of an allocation per record.
 * They become `bigint` only at the public surface (`record.offset`, `status()`, events).
 */
export type Offset = number

/** Where a broker of the cluster is reached. */
export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

/** `topic/partition`, for logs, maps and messages. */
export function partitionName(of: TopicPartition): string {
  return `${of.topic}/${of.partition}`
}
