import {
  resolveConnectionOptions,
  type ConnectionOptions,
  type ResolvedConnectionOptions,
} from '../options/resolve.ts'
import { GroupError } from '../shared/errors.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import { createDefaultLogger, type Logger } from '../shared/logger.ts'
import { partitionName, type Offset, type TopicPartition } from '../shared/types.ts'
import { KafkaCluster } from './kafka/cluster.ts'
import type { GroupStorageListener } from './storage/group-storage.ts'
import { securityProtocolOf } from './storage/zookeeper/broker-discovery.ts'
import type { StoredGroup } from './storage/zookeeper/group-reader.ts'
import { ZooKeeperGroupStorage } from './storage/zookeeper/zookeeper-group-storage.ts'

/** One partition of a group, as stored and as the brokers see it. */
export interface GroupRow extends TopicPartition {
  /** Null: nobody owns it. */
  readonly owner: string | null
  /** Next offset to read; null: nothing is stored. */
  readonly committed: Offset | null
  /** End of the log; null: the partition does not exist any more, or nobody tells: no leader, none that answers, or it refuses. */
  readonly end: Offset | null
  /** Records between the two; null if one of them is not known. */
  readonly lag: number | null
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

/** A session that only reads has no claims, so nothing that happens to it matters to anybody. */
const INDIFFERENT: GroupStorageListener = {
  leaseRenewed() {},
  leaseOver() {},
  disconnected() {},
  restored() {},
  expired() {},
  claimLost() {},
  foreignWrite() {},
  membersChanged() {},
  planChanged() {},
  topicsChanged() {},
}

/**
 * Reads a group, whatever program its members run, without touching it. CONFIG_INVALID, GROUP_NOT_FOUND, OFFSET_CORRUPT,
 * ZOOKEEPER_UNREACHABLE, BROKERS_NOT_FOUND, BROKERS_UNREACHABLE.
 */
export async function describeGroup({
  logger = createDefaultLogger('warn'),
  ...given
}: DescribeGroupOptions): Promise<GroupRow[]> {
  const options = resolveConnectionOptions(given)
  const { groupId, zookeeper, kafka } = options
  const storage = new ZooKeeperGroupStorage({
    ...zookeeper,
    logger,
    brokerProtocol: securityProtocolOf(kafka.connection),
  })
  const cluster = new KafkaCluster({ connection: kafka.connection, logger })
  try {
    await storage.open(INDIFFERENT)
    const stored = await storage.readGroup(groupId)
    if (stored === null) throw groupNotFound(options)
    const brokers = kafka.brokers ?? (await storage.listBrokers())
    if (brokers.length === 0) throw brokersNotFound(options)
    await cluster.connect(brokers)
    return await rowsOf(stored, cluster, logger)
  } finally {
    cluster.close()
    await storage.close()
  }
}

async function rowsOf(stored: StoredGroup, cluster: KafkaCluster, logger: Logger): Promise<GroupRow[]> {
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
  return groupRows(stored, existing, ends)
}

/** Every partition that exists or that something is stored for, by topic and number. */
export function groupRows(
  stored: StoredGroup,
  existing: readonly TopicPartition[],
  ends: readonly (TopicPartition & { readonly offset: Offset })[],
): GroupRow[] {
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

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function groupNotFound({ groupId, zookeeper }: ResolvedConnectionOptions): GroupError {
  const path = `${zookeeper.chroot}/consumers/${groupId}`
  return new GroupError(
    'GROUP_NOT_FOUND',
    `there is no group "${groupId}": ZooKeeper at ${zookeeper.servers.join(', ')} has no ${path}; check the name and the chroot`,
    { details: { groupId, path } },
  )
}

function brokersNotFound({ zookeeper }: ResolvedConnectionOptions): GroupError {
  return new GroupError(
    'BROKERS_NOT_FOUND',
    `ZooKeeper at ${zookeeper.servers.join(', ')} lists no brokers under ${zookeeper.chroot}/brokers/ids; give their addresses, or the right chroot`,
    { details: { servers: zookeeper.servers.join(','), chroot: zookeeper.chroot } },
  )
}
