import { BrokerLinks } from '../coordinator/kafka/broker-links.ts'
import { KafkaCluster, type TopicDescription } from '../coordinator/kafka/cluster.ts'
import { securityProtocolOf } from '../coordinator/storage/zookeeper/broker-discovery.ts'
import { ZooKeeperGroupStorage } from '../coordinator/storage/zookeeper/zookeeper-group-storage.ts'
import { brokersNotFound, INDIFFERENT } from '../coordinator/visits/visit-group.ts'
import type { ResolvedDeadLetterSearch } from '../options/dead-letter-search.ts'
import { GroupError } from '../shared/errors.ts'
import type { HostPort } from '../shared/host-port.ts'
import type { BrokerConnection } from '../shared/kafka/broker-connection.ts'
import { openBrokerConnection } from '../shared/kafka/open-broker-connection.ts'
import type { Logger } from '../shared/logger.ts'
import type { BrokerAddress, TopicPartition } from '../shared/types.ts'

/** Brokers seen by a program that is in no group. */
export interface TopicVisit {
  readonly cluster: KafkaCluster
  /** TOPIC_NOT_FOUND, BROKER_REFUSED. From then on the leaders of its partitions are known. */
  readonly findTopic: (topic: string) => Promise<TopicDescription>
  /** For what is asked of the leaders themselves. */
  readonly port: LeaderPort
}

export interface LeaderPort {
  leaderOf(partition: TopicPartition): BrokerAddress | null
  refresh(): Promise<void>
  connectionTo(address: BrokerAddress): Promise<BrokerConnection>
}

/** Connects to the brokers for as long as `use` takes. ZOOKEEPER_UNREACHABLE, BROKERS_NOT_FOUND, BROKERS_UNREACHABLE. */
export async function visitBrokers<T>(
  options: Pick<ResolvedDeadLetterSearch, 'zookeeper' | 'kafka'>,
  logger: Logger,
  use: (visit: TopicVisit) => Promise<T>,
): Promise<T> {
  const { connection } = options.kafka
  const cluster = new KafkaCluster({ connection, logger })
  const links = new BrokerLinks((address, signal) =>
    openBrokerConnection({ address, options: connection, logger, signal }),
  )
  try {
    await cluster.connect(options.kafka.brokers ?? (await listBrokers(options, logger)))
    return await use({
      cluster,
      findTopic: topic => findTopic(cluster, topic),
      port: {
        leaderOf: partition => cluster.leaderOf(partition),
        refresh: () => cluster.refresh(),
        connectionTo: address => links.to(address),
      },
    })
  } finally {
    links.close()
    cluster.close()
  }
}

async function listBrokers(
  { zookeeper, kafka }: Pick<ResolvedDeadLetterSearch, 'zookeeper' | 'kafka'>,
  logger: Logger,
): Promise<readonly HostPort[]> {
  if (zookeeper === null) throw new GroupError('INTERNAL', 'neither brokers nor zookeeper passed the rules')
  const storage = new ZooKeeperGroupStorage({
    ...zookeeper,
    logger,
    brokerProtocol: securityProtocolOf(kafka.connection),
  })
  try {
    await storage.open(INDIFFERENT)
    const brokers = await storage.listBrokers()
    if (brokers.length > 0) return brokers
  } finally {
    await storage.close()
  }
  throw brokersNotFound(zookeeper)
}

async function findTopic(cluster: KafkaCluster, topic: string): Promise<TopicDescription> {
  const [found] = await cluster.describeTopics([topic])
  if (found!.refusal !== null) throw found!.refusal
  if (!found!.exists) {
    throw new GroupError('TOPIC_NOT_FOUND', `topic "${topic}" does not exist; check the name`, {
      details: { topics: topic },
    })
  }
  await cluster.leaderView([topic])
  return found!
}
