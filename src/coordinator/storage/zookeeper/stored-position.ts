import { isGroupError, type GroupError } from '../../../shared/errors.ts'
import { decodeProgress } from '../../progress/progress-format.ts'
import type { Progress } from '../../progress/progress.ts'
import { isOfOffset } from './claim-fence.ts'
import { decodeOffset } from './formats.ts'
import type { ClaimNodes, StoredPosition } from './owned-claim.ts'
import type { Znode } from './znode.ts'

/**
 * What the two nodes of a partition say together. Progress counts only if it was written in the transaction that wrote
 * the offset: else somebody moved the offset by hand, or a program that knows of no progress did. OFFSET_CORRUPT.
 */
export function storedPosition(
  nodes: ClaimNodes,
  offset: Znode | null,
  progress: Znode | null,
): StoredPosition {
  const committedOffset = offset === null ? null : decodeOffset(offset.data, nodes.offsetPath)
  const read = progress === null ? null : readProgress(progress, nodes.progressPath)
  if (isGroupError(read)) return { committedOffset, progress: null, progressFault: read }
  const counts = committedOffset !== null && isOfOffset(offset, progress)
  return { committedOffset, progress: counts ? read : null, progressFault: null }
}

function readProgress(node: Znode, path: string): Progress | GroupError {
  try {
    return decodeProgress(node.data, path)
  } catch (error) {
    if (isGroupError(error)) return error
    throw error
  }
}
