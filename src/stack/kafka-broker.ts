import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brokerKnows } from './broker-check.ts'
import { exists } from './exists.ts'
import { ephemeralNodes } from './four-letter-word.ts'
import { javaFlags, propertiesText } from './java-flags.ts'
import { HOST } from './ports.ts'
import type { ServerSpec } from './server-process.ts'
import { stackError } from './stack-error.ts'
import { waitFor } from './wait-for.ts'
import type { ServerContext } from './zookeeper-server.ts'

export interface BrokerPorts {
  readonly broker: number
  readonly zookeeper: number
}

export interface BrokerExtras {
  /** More of server.properties. */
  readonly settings: Readonly<Record<string, string>> | undefined
  readonly javaFlags: readonly string[] | undefined
}

const MAX_HEAP_MB = 512
const MAIN_CLASS = 'kafka.Kafka'
const WRITTEN_AT_FIRST_START = 'meta.properties'
const STALE_DEADLINE_MS = 30_000
const STALE_INTERVAL_MS = 100

/** Writes the configuration of broker `id` and returns how to start it. */
export async function kafkaBroker(
  context: ServerContext,
  id: number,
  ports: BrokerPorts,
  extra: BrokerExtras,
): Promise<ServerSpec> {
  const { java, classpath, directory, archive } = context
  const name = `broker ${id}`
  const dataDirectory = join(directory, `broker-${id}`)
  const configFile = join(directory, `broker-${id}.properties`)
  await mkdir(dataDirectory, { recursive: true })
  const properties = { ...configuration(dataDirectory, id, ports), ...TEST_SETTINGS, ...extra.settings }
  await writeFile(configFile, propertiesText(properties))
  return {
    name,
    port: ports.broker,
    command: java.path,
    args: [
      ...javaFlags(directory, MAX_HEAP_MB, archive),
      ...(extra.javaFlags ?? []),
      '-cp',
      classpath,
      MAIN_CLASS,
      configFile,
    ],
    logFile: join(directory, `broker-${id}.log`),
    beforeStart: () => registrationGone(id, dataDirectory, ports.zookeeper),
    isReady: () => brokerKnows(`${HOST}:${ports.broker}`, [id]),
  }
}

function configuration(
  dataDirectory: string,
  id: number,
  ports: BrokerPorts,
): Record<string, string | number> {
  return {
    'broker.id': id,
    listeners: `PLAINTEXT://${HOST}:${ports.broker}`,
    'zookeeper.connect': `${HOST}:${ports.zookeeper}`,
    'log.dirs': dataDirectory,
  }
}

/** One machine, short lives: one replica of everything, few partitions, small files, nothing waits for more to come. */
const TEST_SETTINGS = {
  'zookeeper.session.timeout.ms': 6_000,
  'zookeeper.connection.timeout.ms': 60_000,
  'auto.create.topics.enable': 'false',
  'delete.topic.enable': 'true',
  'default.replication.factor': 1,
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 2,
  'group.initial.rebalance.delay.ms': 0,
  'num.network.threads': 2,
  'num.io.threads': 4,
  'background.threads': 2,
  'log.index.size.max.bytes': 1_048_576,
  'log.cleaner.dedupe.buffer.size': 4_194_304,
  'log.cleaner.backoff.ms': 500,
  'log.initial.task.delay.ms': 500,
  'controlled.shutdown.retry.backoff.ms': 500,
} as const

/**
 * A broker that was killed stays registered until its session expires, and one of the same id is refused until then.
 * A broker without data was never registered, and need not wait for ZooKeeper to tell.
 */
async function registrationGone(id: number, dataDirectory: string, zookeeperPort: number): Promise<void> {
  if (!(await exists(join(dataDirectory, WRITTEN_AT_FIRST_START)))) return
  const path = `/brokers/ids/${id}`
  const isGone = async (): Promise<boolean> =>
    (await ephemeralNodes(HOST, zookeeperPort))?.includes(path) === false
  const gone = await waitFor(isGone, { deadlineMs: STALE_DEADLINE_MS, intervalMs: STALE_INTERVAL_MS })
  if (!gone)
    throw stackError(
      `broker ${id} cannot start: ZooKeeper does not answer, or another broker ${id} is registered in it`,
      { path },
    )
}
