import {
  resolveOffsetResetOptions,
  type OffsetResetOptions,
  type ResolvedOffsetResetOptions,
} from '../../options/resolve.ts'
import { GroupError } from '../../shared/errors.ts'
import { createDefaultLogger, type Logger } from '../../shared/logger.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import type { KafkaCluster, ListedOffset, TopicDescription } from '../kafka/cluster.ts'
import type { ResetOffset } from '../storage/zookeeper/offset-reset.ts'
import { groupNotFound, visitGroup } from './visit-group.ts'

export interface ResetOffsetsOptions extends OffsetResetOptions {
  /**
   * Where trouble with the servers is told.
   * @defaultValue pino at `warn`
   */
  logger?: Logger | undefined
}

/**
 * Sets where a group starts to read a topic, whatever program its members run: all partitions or none, and only while
 * it has no members. What they have stored as progress is replaced. Resolves with the offsets before and after, by partition.
 *
 * CONFIG_INVALID, GROUP_NOT_FOUND, GROUP_HAS_MEMBERS, TOPIC_NOT_FOUND, PARTITION_NOT_FOUND, OFFSET_MISSING (of partitions
 * that were not chosen), OFFSET_OUT_OF_RANGE,
 * ZOOKEEPER_UNREACHABLE, BROKERS_NOT_FOUND, BROKERS_UNREACHABLE, BROKER_DISCONNECTED (a partition has no leader that
 * answers): nothing was changed. ZOOKEEPER_DISCONNECTED and SESSION_EXPIRED: all partitions or none.
 */
export async function resetOffsets({
  logger = createDefaultLogger('warn'),
  ...given
}: ResetOffsetsOptions): Promise<ResetOffset[]> {
  const options = resolveOffsetResetOptions(given)
  const { groupId, topic, to } = options
  return visitGroup(options, logger, async ({ storage, connectCluster }) => {
    // Members are told of before the brokers are asked; that there are none is made sure of by the transaction.
    if (!(await storage.isThereWithoutMembers(groupId))) throw groupNotFound(options)
    const cluster = await connectCluster()
    const found = await existingTopic(cluster, topic)
    if (options.partitions !== null)
      assertNoneIsLeftOut(found, options.partitions, await storage.readStored(groupId, [topic]))
    const offsets = await targetsOf(cluster, partitionsToReset(found, options), to)
    return storage.resetOffsets(groupId, { topic, topicId: found.topicId, offsets })
  })
}

async function existingTopic(cluster: KafkaCluster, topic: string): Promise<TopicDescription> {
  const [found] = await cluster.describeTopics([topic])
  if (found === undefined || !found.exists) throw found?.refusal ?? topicNotFound(topic)
  return found
}

function partitionsToReset(
  found: TopicDescription,
  { topic, partitions }: ResolvedOffsetResetOptions,
): TopicPartition[] {
  const existing = found.partitions.map(({ partition }) => partition)
  const missing = partitions?.filter(partition => !existing.includes(partition)) ?? []
  if (missing.length > 0) throw partitionNotFound(topic, missing, existing.length)
  return (partitions ?? existing).map(partition => ({ topic, partition }))
}

/**
 * A member takes partitions beyond those that have an offset for later ones, which start at their first record whatever
 * `offsetReset` says: a few in the middle of a topic that the group is new to would decide where the others start.
 */
function assertNoneIsLeftOut(
  { topic, partitions }: TopicDescription,
  chosen: readonly number[],
  stored: readonly TopicPartition[],
): void {
  const known = new Set([...chosen, ...stored.map(({ partition }) => partition)])
  const leftOut = partitions.map(({ partition }) => partition).filter(partition => !known.has(partition))
  if (leftOut.length === 0) return
  throw new GroupError(
    'OFFSET_MISSING',
    `the group has no offset of partition ${shortList(leftOut)} of topic "${topic}", and an offset of others would change where they start; nothing was changed: reset all partitions, or let a member start once`,
    { details: { topic, partitions: leftOut } },
  )
}

/** The ends are asked for without regard to transactions: what `kwg describe` shows as `end`. */
async function targetsOf(
  cluster: KafkaCluster,
  partitions: readonly TopicPartition[],
  to: ResolvedOffsetResetOptions['to'],
): Promise<ListedOffset[]> {
  if (typeof to === 'string' || 'timestampMs' in to) return cluster.listOffsets(partitions, to, false)
  const [earliest, ends] = [
    await cluster.listOffsets(partitions, 'earliest', false),
    await cluster.listOffsets(partitions, 'latest', false),
  ]
  assertWithinLogs(to.offset, earliest, ends)
  return partitions.map(partition => ({ ...partition, offset: to.offset }))
}

/** OFFSET_OUT_OF_RANGE naming every partition whose log does not reach from or to this offset. */
export function assertWithinLogs(
  offset: Offset,
  earliest: readonly ListedOffset[],
  ends: readonly ListedOffset[],
): void {
  const endOf = new Map(ends.map(end => [partitionName(end), end.offset]))
  const ranges = earliest.map(start => {
    const name = partitionName(start)
    return { name, from: start.offset, to: endOf.get(name) ?? start.offset }
  })
  const outside = ranges.filter(({ from, to }) => offset < from || offset > to)
  if (outside.length === 0) return
  const listed = outside.map(({ name, from, to }) => `${name} (${from} to ${to})`)
  throw new GroupError(
    'OFFSET_OUT_OF_RANGE',
    `offset ${offset} is outside of the log of ${shortList(listed)}; nothing was changed: choose one within the log, or only partitions that have it`,
    { details: { offset, ranges: outside } },
  )
}

function topicNotFound(topic: string): GroupError {
  return new GroupError('TOPIC_NOT_FOUND', `topic "${topic}" does not exist; check the name`, {
    details: { topics: topic },
  })
}

function partitionNotFound(topic: string, missing: readonly number[], count: number): GroupError {
  return new GroupError(
    'PARTITION_NOT_FOUND',
    `topic "${topic}" has no partition ${shortList(missing)}: it has 0 to ${count - 1}; nothing was changed`,
    { details: { topic, partitions: missing, count } },
  )
}

const LISTED = 10

function shortList(items: readonly (string | number)[]): string {
  const shown = items.slice(0, LISTED).join(', ')
  return items.length > LISTED ? `${shown} and ${items.length - LISTED} more` : shown
}
