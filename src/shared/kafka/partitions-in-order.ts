import { GroupError } from '../errors.ts'
import type { PartitionMetadata } from './metadata.ts'

/**
 * Sorted by number. A broker tells of all partitions of a topic, whatever is wrong with them, so their numbers have no
 * gaps: others are damaged, and lists indexed by them could be of any length. RESPONSE_CORRUPT.
 */
export function inOrder(topic: string, partitions: readonly PartitionMetadata[]): PartitionMetadata[] {
  const sorted = [...partitions].sort((a, b) => a.partition - b.partition)
  const at = sorted.findIndex(({ partition }, index) => partition !== index)
  if (at === -1) return sorted
  const { partition } = sorted[at]!
  throw new GroupError(
    'RESPONSE_CORRUPT',
    `an answer to Metadata has partition ${partition} of ${topic} where ${at} is due; the connection is closed`,
    { details: { topic, partition, due: at } },
  )
}
