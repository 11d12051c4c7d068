import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { resolveClasspath } from './artifacts.ts'
import { brokerKnows } from './broker-check.ts'
import { findJava } from './java.ts'
import { kafkaBroker } from './kafka-broker.ts'
import { claimPort, HOST } from './ports.ts'
import { ServerProcess } from './server-process.ts'
import { stackError } from './stack-error.ts'
import { Supervisor } from './supervisor-client.ts'
import { waitFor } from './wait-for.ts'
import { zookeeperServer } from './zookeeper-server.ts'

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
  /** One line for whoever waits. */
  readonly onProgress?: (text: string) => void
}

/** Real ZooKeeper and Kafka as processes of this machine. They end when this process ends, however it ends. */
export interface RunningStack extends AsyncDisposable {
  /** `host:port` */
  readonly zookeeper: string
  /** `host:port` by broker id. */
  readonly brokers: readonly string[]
  readonly directory: string
  readonly classpath: string
  readonly zookeeperProcess: ServerProcess
  brokerProcess(id: number): ServerProcess
  /** Ends every server and removes a temporary directory. The same promise when called twice. */
  stop(): Promise<void>
  /** Leaves the servers running on their own, and this process free to end; a temporary directory stays too. */
  release(): Promise<void>
}

const DEFAULT_TICK_TIME_MS = 200
const CLUSTER_DEADLINE_MS = 30_000
const CLUSTER_INTERVAL_MS = 50

/** Starts ZooKeeper and the brokers and resolves when all of them answer and know each other. Rejects with STACK_FAILED, leaving nothing behind. */
export async function startStack(options: StackOptions = {}): Promise<RunningStack> {
  const onProgress = options.onProgress ?? (() => {})
  const [java, classpath, ports] = await Promise.all([
    findJava(),
    resolveClasspath(onProgress),
    claimPorts(options),
  ])
  const directory = options.directory === undefined ? undefined : resolve(options.directory)
  if (directory !== undefined) await mkdir(directory, { recursive: true })
  const supervisor = await Supervisor.start(directory)
  try {
    const stack = await assemble(supervisor, options, ports, { java, classpath })
    await startServers(stack)
    return stack
  } catch (error) {
    await supervisor.end()
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
  tools: { readonly java: string; readonly classpath: string },
): Promise<RunningStack> {
  const { directory } = supervisor
  const context = { ...tools, directory }
  const tickTimeMs = options.tickTimeMs ?? DEFAULT_TICK_TIME_MS
  const zookeeper = await zookeeperServer(
    context,
    ports.zookeeper,
    tickTimeMs,
    options.zookeeperSettings ?? {},
  )
  const brokers = await Promise.all(
    ports.brokers.map((broker, id) =>
      kafkaBroker(context, id, { broker, zookeeper: ports.zookeeper }, options.brokerSettings ?? {}),
    ),
  )
  const zookeeperProcess = new ServerProcess(zookeeper, supervisor)
  const brokerProcesses = brokers.map(spec => new ServerProcess(spec, supervisor))
  const isKept = options.directory !== undefined
  const stopAll = async (): Promise<void> => {
    try {
      if (isKept) await stopInOrder(zookeeperProcess, brokerProcesses)
    } finally {
      await supervisor.end()
    }
  }
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= stopAll())
  return {
    zookeeper: `${HOST}:${ports.zookeeper}`,
    brokers: ports.brokers.map(port => `${HOST}:${port}`),
    directory,
    classpath: tools.classpath,
    zookeeperProcess,
    brokerProcess: id => brokerProcesses[id] ?? noBroker(id, brokerProcesses.length),
    stop,
    release: () => supervisor.release(),
    [Symbol.asyncDispose]: stop,
  }
}

/** What is kept is left in good order: a broker that stops writes to its logs' end and tells ZooKeeper. */
async function stopInOrder(zookeeper: ServerProcess, brokers: readonly ServerProcess[]): Promise<void> {
  await Promise.all(brokers.map(broker => broker.stop()))
  await zookeeper.stop()
}

function noBroker(id: number, count: number): never {
  throw stackError(`there is no broker ${id}: this stack has ${count}, with ids from 0`, { id, count })
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
