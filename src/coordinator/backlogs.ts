import { setTimeout as delay } from 'node:timers/promises'
import { partitionName, type TopicPartition } from '../shared/types.ts'
import type { KafkaCluster } from './kafka/cluster.ts'
import type { StoredOffset } from './storage/group-storage.ts'
import type { Weighted } from './threads/placement.ts'

/** A partition whose leader is away must not hold up the others: without an answer all of them weigh the same. */
const PATIENCE_MS = 1000

/** Records that wait in each partition behind its stored offset, as the weight of its placement. Never rejects. */
export async function readBacklogs(
  partitions: readonly TopicPartition[],
  stored: readonly StoredOffset[],
  cluster: KafkaCluster,
  readCommitted: boolean,
): Promise<Weighted<TopicPartition>[]> {
  const starts = new Map(stored.map(one => [partitionName(one), one.offset]))
  const ends = new Map(
    (await endsInTime(partitions, cluster, readCommitted)).map(one => [partitionName(one), one.offset]),
  )
  return partitions.map(item => {
    const name = partitionName(item)
    return { item, weight: Math.max(0, (ends.get(name) ?? 0) - (starts.get(name) ?? Infinity)) }
  })
}

async function endsInTime(
  partitions: readonly TopicPartition[],
  cluster: KafkaCluster,
  readCommitted: boolean,
): Promise<readonly StoredOffset[]> {
  const patience = new AbortController()
  const listed = cluster.listOffsets(partitions, 'latest', readCommitted).catch(() => []) // the fetch will meet the same trouble and tell it
  const tooLate = delay(PATIENCE_MS, [], { signal: patience.signal }).catch(() => []) // cut below
  const ends = await Promise.race([listed, tooLate])
  patience.abort()
  return ends
}
