import { partitionName, type TopicPartition } from '../../shared/types.ts'
import type { KafkaCluster } from '../kafka/cluster.ts'
import type { StoredOffset } from '../storage/group-storage.ts'
import type { Weighted } from './placement.ts'

/** A partition whose leader is away must not hold up the others: without an answer it weighs nothing. */
const PATIENCE_MS = 1000

/** Records that wait in each partition behind its stored offset, as the weight of its placement. Never rejects. */
export async function readBacklogs(
  partitions: readonly TopicPartition[],
  stored: readonly StoredOffset[],
  cluster: KafkaCluster,
  readCommitted: boolean,
): Promise<Weighted<TopicPartition>[]> {
  const starts = new Map(stored.map(one => [partitionName(one), one.offset]))
  const found = await cluster
    .listOffsetsInTime(partitions, 'latest', readCommitted, PATIENCE_MS)
    .catch(() => []) // the cluster was closed: nothing will be placed
  const ends = new Map(found.map(one => [partitionName(one), one.offset]))
  return partitions.map(item => {
    const name = partitionName(item)
    return { item, weight: Math.max(0, (ends.get(name) ?? 0) - (starts.get(name) ?? Infinity)) }
  })
}
