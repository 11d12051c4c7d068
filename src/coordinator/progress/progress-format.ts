import { crc32 } from 'node:zlib'
import { GroupError, toError } from '../../shared/errors.ts'
import { MAX_ATTEMPTS, type RecordInHand } from '../../shared/memory/remainder-memory.ts'
import { KEY_HASHES, MAX_LANES, ORDERINGS, type KeyHash, type Ordering } from '../../shared/ordering.ts'
import type { Offset } from '../../shared/types.ts'
import { bytesOf, knownText, listOf, pack, text, truth, unpack, wholeNumber } from '../packed-lists.ts'
import { committableOf, type OpenClaim, type ProcessDeath, type Progress, type Window } from './progress.ts'
import { readVarints, writeVarints } from './varints.ts'

/** Raised when the meaning of what is written changes, or another hash is known. */
const PROGRESS_FORMAT = 1

/** As many failed attempts, or more, stand in a number of their own. */
const MANY_ATTEMPTS = 3

/**
 * Progress in MessagePack: `[format, topicId, ordering, hash, k, base, deltas, inHand, open, crc]`.
 * - hash: of the keys; null where k, the number of lanes, is 1
 * - base: the committable offset
 * - deltas: bytes that hold k varints; the frontier of each lane is the base plus its own
 * - inHand: bytes that hold varints, for each record in hand `gap × 4 + attempts`: its offset is that of the one before plus the
 *   gap, of the first the base plus the gap. 3 attempts are 3 or more, and the next number says how many more
 * - open: null, or `[process, deaths, window, isAtRest]`; window: null, or `[from, length, isAlone]`
 * - deaths: `[process, alone, process, alone, …]`; alone: the offset of a record, or null
 * - crc: CRC-32 of the list without it, in MessagePack
 */
export function encodeProgress(progress: Progress): Buffer {
  const { topicId, ordering, hash, frontiers, inHand, open } = progress
  const base = committableOf(progress)
  const deltas = writeVarints(frontiers.map(frontier => frontier - base))
  const lanes = [ordering, hash, frontiers.length, base, deltas, packInHand(inHand, base)]
  const content = [PROGRESS_FORMAT, topicId, ...lanes, open && packOpen(open)]
  return pack([...content, crc32(pack(content))])
}

/**
 * Reads what is stored at `path`. PROGRESS_CORRUPT if it is no progress, FORMAT_UNKNOWN if it is that of another version
 * of this package: in both cases the offset beside it holds.
 */
export function decodeProgress(data: Buffer, path: string): Progress {
  try {
    const content = listOf(unpack(data), 'progress')
    const formatVersion = wholeNumber(content[0], 'format')
    if (formatVersion !== PROGRESS_FORMAT) throw formatUnknown(formatVersion, path)
    return readProgress(listOf(content, 'progress', 10))
  } catch (error) {
    if (error instanceof GroupError) throw error
    throw corrupt(error, path)
  }
}

function packInHand(inHand: readonly RecordInHand[], base: Offset): Buffer {
  let before = base
  return writeVarints(
    inHand.flatMap(({ offset, attempts }) => {
      const gap = offset - before
      before = offset
      return attempts < MANY_ATTEMPTS
        ? [gap * 4 + attempts]
        : [gap * 4 + MANY_ATTEMPTS, attempts - MANY_ATTEMPTS]
    }),
  )
}

function packOpen({ process, deaths, window, isAtRest }: OpenClaim): unknown[] {
  const packed = window === null ? null : [window.from, window.to - window.from, window.isAlone]
  return [process, deaths.flatMap(death => [death.process, death.alone]), packed, isAtRest]
}

function readProgress(content: readonly unknown[]): Progress {
  const [, topicId, ordering, hash, k, base, deltas, inHand, open, crc] = content
  if (crc !== crc32(pack(content.slice(0, -1)))) throw new Error('crc: not that of the content')
  const lanes = readLanes(ordering, hash, k)
  const baseOffset = wholeNumber(base, 'base')
  const frontiers = readFrontiers(bytesOf(deltas, 'deltas'), baseOffset, lanes.count)
  const progress: Progress = {
    topicId: topicId === null ? null : text(topicId, 'topicId'),
    ordering: lanes.ordering,
    hash: lanes.hash,
    frontiers,
    inHand: readInHand(readVarints(bytesOf(inHand, 'inHand'), 'inHand'), baseOffset, Math.max(...frontiers)),
    open: open === null ? null : readOpen(listOf(open, 'open', 4)),
  }
  if (committableOf(progress) !== baseOffset) throw new Error('base: neither a frontier nor in hand')
  return progress
}

interface Lanes {
  readonly ordering: Ordering
  readonly hash: KeyHash | null
  readonly count: number
}

function readLanes(ordering: unknown, hash: unknown, k: unknown): Lanes {
  const lanes = {
    ordering: knownText(ordering, ORDERINGS, 'ordering'),
    hash: hash === null ? null : knownText(hash, KEY_HASHES, 'hash'),
    count: wholeNumber(k, 'k'),
  }
  const most = lanes.ordering === 'key' ? MAX_LANES : 1
  if (lanes.count < 1 || lanes.count > most) throw new Error(`k: not from 1 to ${most}`)
  if ((lanes.hash === null) !== (lanes.count === 1))
    throw new Error('hash: with one lane, or none with several')
  return lanes
}

function readFrontiers(deltas: Uint8Array, base: Offset, count: number): Offset[] {
  const numbers = listOf(readVarints(deltas, 'deltas'), 'deltas', count) as readonly number[]
  return numbers.map(delta => wholeNumber(base + delta, 'frontier'))
}

function readInHand(numbers: readonly number[], base: Offset, end: Offset): RecordInHand[] {
  const records: RecordInHand[] = []
  for (let index = 0; index < numbers.length; index += 1) {
    const number = numbers[index]!
    const few = number % 4
    const gap = (number - few) / 4
    if (gap === 0 && records.length > 0) throw new Error('inHand: offsets that do not rise')
    const offset = wholeNumber((records.at(-1)?.offset ?? base) + gap, 'inHand')
    if (offset >= end) throw new Error('inHand: an offset beyond all frontiers')
    const more = few < MANY_ATTEMPTS ? 0 : wholeNumber(numbers[(index += 1)], 'attempts')
    records.push({ offset, attempts: readAttempts(few + more) })
  }
  return records
}

function readAttempts(attempts: number): number {
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
