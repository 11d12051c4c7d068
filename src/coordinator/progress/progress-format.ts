import { GroupError, toError } from '../../shared/errors.ts'
import { MAX_ATTEMPTS, type RecordInHand } from '../../shared/memory/remainder-memory.ts'
import type { Offset } from '../../shared/types.ts'
import { listOf, pack, text, truth, unpack, wholeNumber } from '../packed-lists.ts'
import { committableOf, type OpenClaim, type ProcessDeath, type Progress, type Window } from './progress.ts'

/** Raised when the meaning of what is written changes. */
const PROGRESS_FORMAT = 1

/**
 * Progress in MessagePack: `[format, topicId, ordering, base, deltas, inHand, open]`.
 * - base: the committable offset. The frontier of each lane is that plus its delta, and there are as many lanes as deltas
 * - inHand: `[delta, attempts, delta, attempts, …]`, the offset of each record being the base plus its delta
 * - open: null, or `[process, deaths, window, isAtRest]`; window: null, or `[from, length, isAlone]`
 * - deaths: `[process, alone, process, alone, …]`; alone: the offset of a record, or null
 */
export function encodeProgress(progress: Progress): Buffer {
  const { topicId, ordering, frontiers, inHand, open } = progress
  const base = committableOf(progress)
  const deltas = frontiers.map(frontier => frontier - base)
  const inHandDeltas = inHand.flatMap(({ offset, attempts }) => [offset - base, attempts])
  return pack([PROGRESS_FORMAT, topicId, ordering, base, deltas, inHandDeltas, open && packOpen(open)])
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

function packOpen({ process, deaths, window, isAtRest }: OpenClaim): unknown[] {
  const packed = window === null ? null : [window.from, window.to - window.from, window.isAlone]
  return [process, deaths.flatMap(death => [death.process, death.alone]), packed, isAtRest]
}

function readProgress(content: readonly unknown[]): Progress {
  const [topicId, ordering, base, deltas, inHand, open] = listOf(content, 'progress', 6)
  if (ordering !== 'partition') throw new Error('ordering: none that is known')
  const at = (delta: unknown, what: string): Offset =>
    wholeNumber(wholeNumber(base, 'base') + wholeNumber(delta, `${what} delta`), what)
  const frontiers = listOf(deltas, 'deltas', 1).map(delta => at(delta, 'frontier'))
  return {
    topicId: topicId === null ? null : text(topicId, 'topicId'),
    ordering,
    frontiers,
    inHand: readInHand(listOf(inHand, 'inHand'), at, frontiers[0]!),
    open: open === null ? null : readOpen(listOf(open, 'open', 4)),
  }
}

function readInHand(
  items: readonly unknown[],
  at: (delta: unknown, what: string) => Offset,
  frontier: Offset,
): RecordInHand[] {
  if (items.length % 2 !== 0) throw new Error(`inHand: ${items.length} items, not pairs`)
  const records: RecordInHand[] = []
  for (let index = 0; index < items.length; index += 2) {
    const offset = at(items[index], 'inHand')
    if (offset <= (records.at(-1)?.offset ?? -1)) throw new Error('inHand: offsets that do not rise')
    if (offset >= frontier) throw new Error('inHand: an offset beyond the frontier')
    records.push({ offset, attempts: readAttempts(items[index + 1]) })
  }
  return records
}

function readAttempts(value: unknown): number {
  const attempts = wholeNumber(value, 'attempts')
  if (attempts > MAX_ATTEMPTS) throw new Error(`attempts: more than ${MAX_ATTEMPTS}`)
  return attempts
}

function readOpen([process, deaths, window, isAtRest]: readonly unknown[]): OpenClaim {
  return {
    process: text(process, 'process'),
    deaths: readDeaths(listOf(deaths, 'deaths')),
    window: window === null ? null : readWindow(listOf(window, 'window', 3)),
    isAtRest: truth(isAtRest, 'isAtRest'),
  }
}

function readDeaths(items: readonly unknown[]): ProcessDeath[] {
  if (items.length % 2 !== 0) throw new Error(`deaths: ${items.length} items, not pairs`)
  return items.flatMap((process, index) => {
    if (index % 2 === 1) return []
    const alone = items[index + 1]
    return [{ process: text(process, 'process'), alone: alone === null ? null : wholeNumber(alone, 'alone') }]
  })
}

function readWindow([start, length, alone]: readonly unknown[]): Window {
  const from = wholeNumber(start, 'window')
  const to = wholeNumber(from + wholeNumber(length, 'window length'), 'window end')
  const isAlone = truth(alone, 'isAlone')
  if (isAlone ? to !== from + 1 : to <= from) throw new Error('window: not a possible length')
  return { from, to, isAlone }
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
