import { decodeProgress } from '#src/coordinator/progress/progress-format.js'
import type { ZooKeeperNode } from './zookeeper.ts'

/** Every lane has taken all below `end`, and one record alone is still in hand. */
export function isAllButOneStored(node: ZooKeeperNode | undefined, end: number): boolean {
  if (node === undefined) return false
  const { frontiers, inHand } = decodeProgress(node.data, 'progress')
  return frontiers.every(frontier => frontier === end) && inHand.length === 1
}
