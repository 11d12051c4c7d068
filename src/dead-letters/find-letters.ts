import type { LetterPosition, ResolvedDeadLetterSearch } from '../options/dead-letter-search.ts'
import { GroupError } from '../shared/errors.ts'
import { partitionName, type Offset } from '../shared/types.ts'
import { readLetter, type StoredLetter } from './letter.ts'
import { readLog } from './read-log.ts'
import type { TopicVisit } from './visit-topic.ts'

type Filter = Pick<ResolvedDeadLetterSearch, 'topic' | 'originTopic' | 'code' | 'sinceMs'>

/**
 * The letters that the filter lets pass, partition by partition, in lists as they are read; up to the ends that the
 * partitions had at the beginning. Messages that are no letters are among them unless a filter asks for what only
 * letters have.
 */
export async function* findLetters(
  visit: TopicVisit,
  filter: Filter,
): AsyncGenerator<readonly StoredLetter[]> {
  const { topic } = filter
  const { partitions } = await visit.findTopic(topic)
  const all = partitions.map(({ partition }) => ({ topic, partition }))
  const at = filter.sinceMs === null ? 'earliest' : { timestampMs: filter.sinceMs }
  const [starts, ends] = [
    await visit.cluster.listOffsets(all, at, false),
    await visit.cluster.listOffsets(all, 'latest', false),
  ]
  const endOf = new Map(ends.map(({ partition, offset }) => [partition, offset]))
  for (const { partition, offset } of inOrder(starts)) {
    for await (const records of readLog(visit.port, { topic, partition }, offset, endOf.get(partition)!)) {
      yield records.map(readLetter).filter(letter => passes(letter, filter))
    }
  }
}

/** The one at this very place. OFFSET_OUT_OF_RANGE, PARTITION_NOT_FOUND. */
export async function findLetter(
  visit: TopicVisit,
  topic: string,
  { partition, offset }: LetterPosition,
): Promise<StoredLetter> {
  const { partitions } = await visit.findTopic(topic)
  if (!partitions.some(of => of.partition === partition))
    throw new GroupError('PARTITION_NOT_FOUND', `topic "${topic}" has no partition ${partition}`, {
      details: { topic, partition },
    })
  const of = { topic, partition }
  const [start] = await visit.cluster.listOffsets([of], 'earliest', false)
  const [end] = await visit.cluster.listOffsets([of], 'latest', false)
  if (offset < start!.offset || offset >= end!.offset) throw noLetter(of, offset, start!.offset, end!.offset)
  for await (const records of readLog(visit.port, of, offset, offset + 1)) {
    const found = records.find(record => record.offset === offset)
    if (found !== undefined) return readLetter(found)
  }
  throw noLetter(of, offset, start!.offset, end!.offset) // compacted away, or the mark of a transaction
}

function passes({ record, facts }: StoredLetter, { originTopic, code, sinceMs }: Filter): boolean {
  if (sinceMs !== null && record.timestamp < sinceMs) return false
  if (originTopic !== null && facts?.topic !== originTopic) return false
  return code === null || facts?.errorCode === code
}

function inOrder<T extends LetterPosition>(positions: readonly T[]): T[] {
  return [...positions].sort((a, b) => a.partition - b.partition)
}

function noLetter(
  of: { topic: string; partition: number },
  offset: Offset,
  from: Offset,
  to: Offset,
): GroupError {
  return new GroupError(
    'OFFSET_OUT_OF_RANGE',
    `there is nothing at offset ${offset} of ${partitionName(of)}; its log reaches from ${from} to ${to}`,
    { details: { ...of, offset } },
  )
}
