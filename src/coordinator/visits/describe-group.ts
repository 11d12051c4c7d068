import { resolveConnectionOptions, type ConnectionOptions } from '../../options/resolve.ts'
import type { GroupError } from '../../shared/errors.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import { createDefaultLogger, type Logger } from '../../shared/logger.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import { compareText } from '../assignment/assignment.ts'
import { negotiate, type AssignmentKind } from '../assignment/negotiate.ts'
import { describeMembers, type DescribedMember } from './described-members.ts'
import type { KafkaCluster } from '../kafka/cluster.ts'
import type { StoredGroup } from '../storage/zookeeper/group-reader.ts'
import { groupNotFound, visitGroup } from './visit-group.ts'

/** One partition of a group, as stored and as the brokers see it. */
export interface DescribedPartition extends TopicPartition {
  /** A member's id, or what the owner node says if no member fits. Null: nobody owns it. */
  readonly owner: string | null
  /** Next offset to read; null: nothing is stored. */
  readonly committed: Offset | null
  /** End of the log; null: the partition does not exist any more, or nobody tells: no leader, none that answers, or it refuses. */
  readonly end: Offset | null
  /** Records between the two; null if one of them is not known. */
  readonly lag: number | null
}

export interface GroupDescription {
  readonly groupId: string
  /** How its members divide the partitions: what all of them can do. Null: it has no members. */
  readonly assignBy: AssignmentKind | null
  /** Every partition that exists or that something is stored for, by topic and number. */
  readonly partitions: readonly DescribedPartition[]
  /** Every member, by id; then everybody who owns partitions without being one. */
  readonly members: readonly DescribedMember[]
  /** What is wrong with the members: MIXED_GROUP_UNSUPPORTED, ID_NODE_UNREADABLE, FORMAT_UNKNOWN, each naming its nodes. */
  readonly troubles: readonly GroupError[]
}

export interface DescribeGroupOptions extends ConnectionOptions {
  /**
   * Where trouble with the servers is told.
   * @defaultValue pino at `warn`
   */
  logger?: Logger | undefined
}

/** A leader that takes longer is described as one that is away: somebody waits for the table. */
const LEADER_PATIENCE_MS = 3_000

/**
 * Reads a group, whatever program its members run, without touching it. CONFIG_INVALID, GROUP_NOT_FOUND, OFFSET_CORRUPT,
 * ZOOKEEPER_UNREACHABLE, BROKERS_NOT_FOUND, BROKERS_UNREACHABLE.
 */
export async function describeGroup({
  logger = createDefaultLogger('warn'),
  ...given
}: DescribeGroupOptions): Promise<GroupDescription> {
  const options = resolveConnectionOptions(given)
  const { groupId } = options
  return visitGroup(options, logger, async ({ storage, connectCluster }) => {
    const stored = await storage.readGroup(groupId)
    if (stored === null) throw groupNotFound(options)
    const { assignBy, troubles } = negotiate(stored.members, stored.topics, stored.idsPath)
    return {
      groupId,
      assignBy: stored.members.length === 0 ? null : assignBy,
      partitions: await partitionsOf(stored, await connectCluster(), logger),
      members: describeMembers(stored),
      troubles,
    }
  })
}

async function partitionsOf(
  stored: StoredGroup,
  cluster: KafkaCluster,
  logger: Logger,
): Promise<DescribedPartition[]> {
  const topics = await cluster.describeTopics(stored.topics)
  for (const { topic, refusal } of topics)
    if (refusal !== null)
      logger.warn({ topic, err: toLoggable(refusal) }, 'shown without the ends of its logs')
  const existing = topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, leader }) => ({ topic, partition, hasLeader: leader >= 0 })),
  )
  const ends = await cluster.listOffsetsInTime(
    existing.filter(partition => partition.hasLeader),
    'latest',
    false,
    LEADER_PATIENCE_MS,
  )
  return describePartitions(stored, existing, ends)
}

export function describePartitions(
  stored: StoredGroup,
  existing: readonly TopicPartition[],
  ends: readonly (TopicPartition & { readonly offset: Offset })[],
): DescribedPartition[] {
  const byName = new Map(
    [...existing, ...stored.owners, ...stored.offsets].map(one => [partitionName(one), one]),
  )
  const owners = new Map(stored.owners.map(one => [partitionName(one), one.owner]))
  const committed = new Map(stored.offsets.map(one => [partitionName(one), one.offset]))
  const logEnds = new Map(ends.map(one => [partitionName(one), one.offset]))
  const rows = Array.from(byName, ([name, { topic, partition }]) => ({
    topic,
    partition,
    owner: owners.get(name) ?? null,
    ...lagOf(committed.get(name) ?? null, logEnds.get(name) ?? null),
  }))
  return rows.sort((a, b) => compareText(a.topic, b.topic) || a.partition - b.partition)
}

function lagOf(
  committed: Offset | null,
  end: Offset | null,
): { committed: Offset | null; end: Offset | null; lag: number | null } {
  return { committed, end, lag: committed === null || end === null ? null : Math.max(0, end - committed) }
}
