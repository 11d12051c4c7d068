import { GroupError, toError } from '../../shared/errors.ts'
import type { Offset } from '../../shared/types.ts'
import { listOf, pack, text, unpack, wholeNumber } from '../packed-lists.ts'
import type { Progress } from './progress.ts'

/** Raised when the meaning of what is written changes. */
const PROGRESS_FORMAT = 1

/**
 * Progress in MessagePack: `[format, topicId, ordering, base, deltas]`. The base is the lowest frontier; the frontier of
 * each lane is that plus its delta, and there are as many lanes as deltas.
 */
export function encodeProgress({ topicId, ordering, frontiers }: Progress): Buffer {
  const base = Math.min(...frontiers)
  return pack([PROGRESS_FORMAT, topicId, ordering, base, frontiers.map(frontier => frontier - base)])
}

/**
 * Reads what is stored at `path`. PROGRESS_CORRUPT if it is no progress, FORMAT_UNKNOWN if it is that of another version
 * of this package: in both cases the offset beside it holds.
 */
export function decodeProgress(data: Buffer, path: string): Progress {
  try {
    const [format, ...content] = listOf(unpack(data), 'progress')
    const formatVersion = wholeNumber(format, 'format')
    if (formatVersion !== PROGRESS_FORMAT) throw formatUnknown(formatVersion, path)
    return readProgress(content)
  } catch (error) {
    if (error instanceof GroupError) throw error
    throw corrupt(error, path)
  }
}

function readProgress(content: readonly unknown[]): Progress {
  const [topicId, ordering, base, deltas] = listOf(content, 'progress', 4)
  if (ordering !== 'partition') throw new Error('ordering: none that is known')
  return {
    topicId: topicId === null ? null : text(topicId, 'topicId'),
    ordering,
    frontiers: listOf(deltas, 'deltas', 1).map(delta =>
      offset(wholeNumber(base, 'base') + wholeNumber(delta, 'delta')),
    ),
  }
}

function offset(value: number): Offset {
  return wholeNumber(value, 'frontier')
}

function formatUnknown(formatVersion: number, path: string): GroupError {
  return new GroupError(
    'FORMAT_UNKNOWN',
    `${path} has format ${formatVersion} of this package, this version knows ${PROGRESS_FORMAT}: the offset alone holds; run one version in a group`,
    { details: { path, formatVersion } },
  )
}

function corrupt(cause: unknown, path: string): GroupError {
  const reason = toError(cause).message
  return new GroupError(
    'PROGRESS_CORRUPT',
    `${path} does not hold the progress of a partition (${reason}): the offset alone holds`,
    { details: { path, reason }, cause },
  )
}
