import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { resolveClasspath, STACK_ARTIFACTS } from './artifacts.ts'
import { brokerKnows } from './broker-check.ts'
import { classArchivePath } from './class-archive.ts'
import { exists } from './exists.ts'
import { findJava, type Java } from './java.ts'
import { kafkaBroker } from './kafka-broker.ts'
import { claimPort } from './ports.ts'
import { RunningStack } from './running-stack.ts'
import { stackError } from './stack-error.ts'
import { Supervisor } from './supervisor-client.ts'
import { waitFor } from './wait-for.ts'
import { zookeeperServer, type ServerContext } from './zookeeper-server.ts'

export type { RunningStack } from './running-stack.ts'

export interface StackOptions {
  /** How many brokers, with ids from 0. @defaultValue 1 */
  readonly brokers?: number
  /** Data, configuration and logs, kept when the stack stops. Without it: a temporary one, removed with the stack. */
  readonly directory?: string
  /** Taken ports are refused. @defaultValue a free port */
  readonly zookeeperPort?: number
  /** One per broker. @defaultValue free ports */
  readonly brokerPorts?: readonly number[]
  /** ZooKeeper's tickTime: sessions may be as short as two ticks. @defaultValue 200 */
  readonly tickTimeMs?: number
  /** More of zoo.cfg. */
  readonly zookeeperSettings?: Readonly<Record<string, string>>
  /** More of server.properties, for every broker. */
  readonly brokerSettings?: Readonly<Record<string, string>>
  /** More flags for the brokers' Java. */
  readonly brokerJavaFlags?: readonly string[]
  /** One line for whoever waits. */
  readonly onProgress?: (text: string) => void
}

const DEFAULT_TICK_TIME_MS = 200
const CLUSTER_DEADLINE_MS = 30_000
const CLUSTER_INTERVAL_MS = 50

/** Starts ZooKeeper and the brokers and resolves when all of them answer and know each other. Rejects with STACK_FAILED, leaving nothing behind. */
export async function startStack(options: StackOptions = {}): Promise<RunningStack> {
  const onProgress = options.onProgress ?? (() => {})
  const [java, classpath, ports] = await allThatIsNeeded(options, onProgress)
  const directory = options.directory === undefined ? undefined : resolve(options.directory)
  if (directory !== undefined) await mkdir(directory, { recursive: true })
  const supervisor = await Supervisor.start(directory)
  try {
    const archivePath = classArchivePath(java, classpath)
    const archive = (await exists(archivePath)) ? archivePath : undefined
    const stack = await assemble(supervisor, options, ports, { java, classpath, archive })
    await startServers(stack)
    return stack
  } catch (error) {
    await supervisor.end()
    throw error
  }
}

/** The first thing that is missing ends the search for the others: Maven may be fetching for minutes. */
async function allThatIsNeeded(
  options: StackOptions,
  onProgress: (text: string) => void,
): Promise<[Java, string, Ports]> {
  const giveUp = new AbortController()
  const needed = [
    findJava(),
    resolveClasspath(STACK_ARTIFACTS, onProgress, giveUp.signal),
    claimPorts(options),
  ] as const
  try {
    return await Promise.all(needed)
  } catch (error) {
    giveUp.abort()
    await Promise.allSettled(needed) // the first failure is the one to tell
    throw error
  }
}

interface Ports {
  readonly zookeeper: number
  readonly brokers: readonly number[]
}

async function claimPorts(options: StackOptions): Promise<Ports> {
  const count = options.brokers ?? options.brokerPorts?.length ?? 1
  if (options.brokerPorts !== undefined && options.brokerPorts.length !== count)
    throw stackError(`${count} brokers need ${count} ports, and ${options.brokerPorts.length} were given`)
  const zookeeper = await claimPort(options.zookeeperPort, 'ZooKeeper')
  const brokers = await Promise.all(
    [...Array(count).keys()].map(id => claimPort(options.brokerPorts?.[id], `broker ${id}`)),
  )
  return { zookeeper, brokers }
}

async function assemble(
  supervisor: Supervisor,
  options: StackOptions,
  ports: Ports,
  tools: Omit<ServerContext, 'directory'>,
): Promise<RunningStack> {
  const { directory } = supervisor
  const context = { ...tools, directory }
  const { zookeeperSettings, brokerSettings, brokerJavaFlags } = options
  const tickTimeMs = options.tickTimeMs ?? DEFAULT_TICK_TIME_MS
  const zookeeper = await zookeeperServer(context, ports.zookeeper, tickTimeMs, zookeeperSettings ?? {})
  const extras = { settings: brokerSettings, javaFlags: brokerJavaFlags }
  const brokers = await Promise.all(
    ports.brokers.map((broker, id) =>
      kafkaBroker(context, id, { broker, zookeeper: ports.zookeeper }, extras),
    ),
  )
  return new RunningStack(
    supervisor,
    { zookeeper, brokers },
    tools.classpath,
    options.directory !== undefined,
  )
}

/** All at once: a broker is busy starting its machine while ZooKeeper starts, and then waits for it. */
async function startServers(stack: RunningStack): Promise<void> {
  const ids = [...stack.brokers.keys()]
  await Promise.all([stack.zookeeperProcess.start(), ...ids.map(id => stack.brokerProcess(id).start())])
  const deadline = { deadlineMs: CLUSTER_DEADLINE_MS, intervalMs: CLUSTER_INTERVAL_MS }
  const known = await Promise.all(
    stack.brokers.map(address => waitFor(() => brokerKnows(address, ids), deadline)),
  )
  const stranger = known.indexOf(false)
  if (stranger >= 0)
    throw stackError(`broker ${stranger} does not know all ${ids.length} brokers`, {
      directory: stack.directory,
    })
}
