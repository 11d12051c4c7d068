import type { Offset, TopicPartition } from '../types.ts'
import { apis, type KafkajsExchange, type KafkajsListedOffsets } from './kafkajs-internals.ts'

/** `latest` is the end of what the isolation level may see; a time means the first record at or after it. */
export type OffsetTime = 'earliest' | 'latest' | { readonly timestampMs: number }

export interface ListOffsetsRequest {
  readonly at: OffsetTime
  readonly readCommitted: boolean
  readonly partitions: readonly TopicPartition[]
}

export interface PartitionOffset extends TopicPartition {
  /** See error-codes.ts. */
  readonly errorCode: number
  /** Null after an error, and if no record is at or after the time. */
  readonly offset: Offset | null
}

/** Errors stay with their partition: kafkajs throws the first one and forgets the offsets of the others. */
export function listOffsetsExchange(
  request: ListOffsetsRequest,
  version: number,
): KafkajsExchange<KafkajsListedOffsets, PartitionOffset[]> {
  const timestamp = wireTimestamp(request.at)
  const topics = Array.from(partitionsByTopic(request.partitions), ([topic, partitions]) => ({
    topic,
    partitions: partitions.map(partition => ({ partition, timestamp })),
  }))
  const isolationLevel = request.readCommitted ? 1 : 0
  const stock = apis.ListOffsets.protocol({ version })({ isolationLevel, topics })
  return {
    request: stock.request,
    response: { decode: stock.response.decode, parse: async decoded => partitionOffsets(decoded) },
    logResponseError: false,
  }
}

function wireTimestamp(at: OffsetTime): string {
  if (at === 'latest') return '-1'
  if (at === 'earliest') return '-2'
  return String(Math.floor(at.timestampMs))
}

function partitionsByTopic(partitions: readonly TopicPartition[]): Map<string, number[]> {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const known = byTopic.get(topic)
    if (known === undefined) byTopic.set(topic, [partition])
    else known.push(partition)
  }
  return byTopic
}

function partitionOffsets(decoded: KafkajsListedOffsets): PartitionOffset[] {
  return decoded.responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, errorCode, offset }) => ({
      topic,
      partition,
      errorCode,
      offset: errorCode === 0 && offset !== '-1' ? Number(offset) : null,
    })),
  )
}
