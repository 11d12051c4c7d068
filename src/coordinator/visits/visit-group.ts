import type { ResolvedConnectionOptions } from '../../options/resolve.ts'
import type { ResolvedZooKeeperOptions } from '../../options/types.ts'
import { GroupError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import { KafkaCluster } from '../kafka/cluster.ts'
import type { GroupStorageListener } from '../storage/group-storage.ts'
import { securityProtocolOf } from '../storage/zookeeper/broker-discovery.ts'
import { ZooKeeperGroupStorage } from '../storage/zookeeper/zookeeper-group-storage.ts'

/** A group seen from outside, by a program that is no member of it. */
export interface GroupVisit {
  readonly storage: ZooKeeperGroupStorage
  /** Connects to the brokers that were given, else to those ZooKeeper lists. Once. */
  readonly connectCluster: () => Promise<KafkaCluster>
}

/** A session without claims: nothing that happens to it matters to anybody. */
export const INDIFFERENT: GroupStorageListener = {
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

/** Opens the storage for as long as `use` takes. ZOOKEEPER_UNREACHABLE, BROKERS_NOT_FOUND, BROKERS_UNREACHABLE. */
export async function visitGroup<T>(
  options: ResolvedConnectionOptions,
  logger: Logger,
  use: (visit: GroupVisit) => Promise<T>,
): Promise<T> {
  const { zookeeper, kafka } = options
  const storage = new ZooKeeperGroupStorage({
    ...zookeeper,
    logger,
    brokerProtocol: securityProtocolOf(kafka.connection),
  })
  const cluster = new KafkaCluster({ connection: kafka.connection, logger })
  const connectCluster = async (): Promise<KafkaCluster> => {
    const brokers = kafka.brokers ?? (await storage.listBrokers())
    if (brokers.length === 0) throw brokersNotFound(zookeeper)
    await cluster.connect(brokers)
    return cluster
  }
  try {
    await storage.open(INDIFFERENT)
    return await use({ storage, connectCluster })
  } finally {
    cluster.close()
    await storage.close()
  }
}

export function groupNotFound({ groupId, zookeeper }: ResolvedConnectionOptions): GroupError {
  const path = `${zookeeper.chroot}/consumers/${groupId}`
  return new GroupError(
    'GROUP_NOT_FOUND',
    `there is no group "${groupId}": ZooKeeper at ${zookeeper.servers.join(', ')} has no ${path}; check the name and the chroot`,
    { details: { groupId, path } },
  )
}

/** ZooKeeper was asked because no brokers were given. */
export function brokersNotFound(zookeeper: ResolvedZooKeeperOptions): GroupError {
  return new GroupError(
    'BROKERS_NOT_FOUND',
    `ZooKeeper at ${zookeeper.servers.join(', ')} lists no brokers under ${zookeeper.chroot}/brokers/ids; give their addresses, or the right chroot`,
    { details: { servers: zookeeper.servers.join(','), chroot: zookeeper.chroot } },
  )
}
