import { devPaths, isRunning, readState, removeState, writeState } from './dev-state.ts'
import type { DevServer, DevState } from './dev-state.ts'
import { processIdentity } from './process-identity.ts'
import { stackError } from './stack-error.ts'
import { startStack, type RunningStack } from './start-stack.ts'
import type { ServerProcess } from './server-process.ts'
import { waitFor } from './wait-for.ts'

export interface DevOptions {
  /** The working directory; the stack's own is `.kwg` in it. @defaultValue the current one */
  readonly directory?: string
}

export interface DevUpOptions extends DevOptions {
  /** @defaultValue 2181 */
  readonly zookeeperPort?: number
  /** Of broker 0; the others follow. @defaultValue 9092 */
  readonly brokerPort?: number
  /** @defaultValue 1 */
  readonly brokers?: number
  readonly onProgress?: (text: string) => void
}

export interface DevServerStatus {
  readonly name: string
  readonly port: number
  readonly pid: number
  readonly running: boolean
}

export interface DevStatus {
  /** broken: some of its servers have ended. */
  readonly state: 'up' | 'down' | 'broken'
  /** `host:port`; undefined when down. */
  readonly zookeeper?: string
  readonly brokers: readonly string[]
  readonly servers: readonly DevServerStatus[]
}

const DEFAULT_ZOOKEEPER_PORT = 2181
const DEFAULT_BROKER_PORT = 9092
const STOP_DEADLINE_MS = 20_000
const STOP_INTERVAL_MS = 50

/** Starts ZooKeeper and Kafka, and leaves them running when they answer. Nothing to do when they run already. STACK_FAILED. */
export async function devUp(
  options: DevUpOptions = {},
): Promise<DevStatus & { readonly alreadyUp: boolean }> {
  const directory = options.directory ?? process.cwd()
  const before = await devStatus(options)
  if (before.state === 'up') {
    refuseOtherPorts(before, options)
    return { ...before, alreadyUp: true }
  }
  if (before.state === 'broken') {
    options.onProgress?.('some servers of the stack have ended: stopping the others and starting anew')
    await devDown({ directory, keepData: true })
  }
  options.onProgress?.(`starting ZooKeeper and Kafka in ${devPaths(directory).data}`)
  const stack = await startStack(stackOptions(directory, options))
  try {
    // Noted before they are left alone: whoever is interrupted here takes them along.
    await writeState(directory, await describeStack(stack))
    await stack.release()
  } catch (error) {
    await stack.stop()
    throw error
  }
  return { ...(await devStatus(options)), alreadyUp: false }
}

/** Stops what `devUp` has started in this directory and nothing else. False when there was nothing. */
export async function devDown(options: DevOptions & { readonly keepData?: boolean } = {}): Promise<boolean> {
  const directory = options.directory ?? process.cwd()
  const state = await readState(directory)
  const [zookeeper, ...brokers] = state?.servers ?? []
  await Promise.all(brokers.map(stopServer))
  if (zookeeper !== undefined) await stopServer(zookeeper) // last: a broker that stops tells ZooKeeper so
  await removeState(directory, options.keepData ?? false)
  return state !== undefined
}

export async function devStatus(options: DevOptions = {}): Promise<DevStatus> {
  const state = await readState(options.directory ?? process.cwd())
  if (state === undefined) return { state: 'down', brokers: [], servers: [] }
  const servers = await Promise.all(
    state.servers.map(async server => {
      const { name, port, pid } = server
      return { name, port, pid, running: await isRunning(server) }
    }),
  )
  const { zookeeper, brokers } = state
  const isUp = servers.every(server => server.running)
  return { state: isUp ? 'up' : 'broken', zookeeper, brokers, servers }
}

function stackOptions(directory: string, options: DevUpOptions): Parameters<typeof startStack>[0] {
  const first = options.brokerPort ?? DEFAULT_BROKER_PORT
  const brokerPorts = [...Array(options.brokers ?? 1).keys()].map(id => first + id)
  const zookeeperPort = options.zookeeperPort ?? DEFAULT_ZOOKEEPER_PORT
  const { onProgress } = options
  return {
    directory: devPaths(directory).data,
    zookeeperPort,
    brokerPorts,
    ...(onProgress ? { onProgress } : {}),
  }
}

/** Only what was asked for expressly has to be so. */
function refuseOtherPorts({ servers }: DevStatus, options: DevUpOptions): void {
  const [zookeeper, ...brokers] = servers
  const differs =
    (options.zookeeperPort ?? zookeeper?.port) !== zookeeper?.port ||
    (options.brokerPort ?? brokers[0]?.port) !== brokers[0]?.port ||
    (options.brokers ?? brokers.length) !== brokers.length
  if (!differs) return
  const present = servers.map(({ name, port }) => `${name} on port ${port}`).join(', ')
  throw stackError(`the stack is up with other settings (${present}): stop it with kwg dev down first`)
}

async function describeStack(stack: RunningStack): Promise<DevState> {
  const brokers = [...stack.brokers.keys()].map(id => stack.brokerProcess(id))
  const servers = await Promise.all([stack.zookeeperProcess, ...brokers].map(describeServer))
  return { version: 1, zookeeper: stack.zookeeper, brokers: stack.brokers, servers }
}

async function describeServer({ name, port, pid }: ServerProcess): Promise<DevServer> {
  const identity = pid === undefined ? undefined : await processIdentity(pid)
  if (pid === undefined || identity === undefined) throw stackError(`${name} has ended right after its start`)
  return { name, port, pid, identity }
}

async function stopServer(server: DevServer): Promise<void> {
  const deadline = { deadlineMs: STOP_DEADLINE_MS, intervalMs: STOP_INTERVAL_MS }
  const ended = async (): Promise<boolean> => !(await isRunning(server))
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (await ended()) return
    sendSignal(server.pid, signal)
    sendSignal(server.pid, 'SIGCONT') // frozen by somebody, it could not act on SIGTERM
    if (await waitFor(ended, deadline)) return
  }
  throw stackError(`${server.name} (pid ${server.pid}) cannot be stopped`, { ...server })
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // ended a moment ago, as it should
  }
}
