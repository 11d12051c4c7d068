import { resolveClasspath, STACK_ARTIFACTS } from '#src/stack/artifacts.js'
import { classArchivePath } from '#src/stack/class-archive.js'
import { exists } from '#src/stack/exists.js'
import { fourLetterWord } from '#src/stack/four-letter-word.js'
import { findJava } from '#src/stack/java.js'
import { freePort, HOST } from '#src/stack/ports.js'
import { ServerProcess } from '#src/stack/server-process.js'
import { Supervisor } from '#src/stack/supervisor-client.js'
import { zookeeperServer, type ServerContext } from '#src/stack/zookeeper-server.js'
import { atEnd, type Owner } from './cleanup.ts'
import { TcpGate } from './tcp-gate.ts'

export interface EnsembleOptions {
  readonly tickTimeMs: number
  /** For as many ticks a follower that hears nothing of its leader believes that all is well. */
  readonly syncLimitTicks: number
}

const IDS = [1, 2, 3]
const INIT_LIMIT_TICKS = 50

/** A way from one server to another. */
interface Way {
  readonly from: number
  readonly to: number
  readonly gate: TcpGate
}

interface Ports {
  readonly client: number
  readonly quorum: number
  readonly election: number
}

/**
 * Three ZooKeeper servers, with a gate on every way from one to another: one of them can be cut off from the others
 * while its clients reach it as before. They end with the test.
 */
export class ZooKeeperEnsemble {
  readonly #servers: readonly ServerProcess[]
  readonly #ways: readonly Way[]

  static async start(owner: Owner, options: EnsembleOptions): Promise<ZooKeeperEnsemble> {
    const supervisor = await Supervisor.start(undefined)
    atEnd(owner, () => supervisor.end())
    const [java, classpath] = await Promise.all([findJava(), resolveClasspath(STACK_ARTIFACTS, () => {})])
    const archivePath = classArchivePath(java, classpath)
    const archive = (await exists(archivePath)) ? archivePath : undefined
    const context: ServerContext = { java, classpath, directory: supervisor.directory, archive }
    const ports = new Map<number, Ports>()
    for (const id of IDS)
      ports.set(id, { client: await freePort(), quorum: await freePort(), election: await freePort() })
    const ways: Way[] = []
    const servers: ServerProcess[] = []
    for (const id of IDS) {
      const places: Record<number, string> = {}
      for (const other of IDS) places[other] = await placeOf(owner, id, other, ports.get(other)!, ways)
      const settings = { initLimit: String(INIT_LIMIT_TICKS), syncLimit: String(options.syncLimitTicks) }
      const place = { id, servers: places }
      const port = ports.get(id)!.client
      const spec = await zookeeperServer(context, port, options.tickTimeMs, settings, place)
      servers.push(new ServerProcess(spec, supervisor))
    }
    await Promise.all(servers.map(server => server.start()))
    return new ZooKeeperEnsemble(servers, ways)
  }

  private constructor(servers: readonly ServerProcess[], ways: readonly Way[]) {
    this.#servers = servers
    this.#ways = ways
  }

  /** `host:port` of one server. */
  address(id: number): string {
    return `${HOST}:${this.#servers[id - 1]!.port}`
  }

  /** The servers that follow, by id. */
  async followers(): Promise<number[]> {
    const modes = await Promise.all(this.#servers.map(({ port }) => fourLetterWord(HOST, port, 'srvr')))
    return IDS.filter(id => modes[id - 1]!.includes('Mode: follower'))
  }

  /** True while the server believes itself to be part of the ensemble, and answers reads and pings. */
  async isServing(id: number): Promise<boolean> {
    return (await fourLetterWord(HOST, this.#servers[id - 1]!.port, 'srvr')).includes('Mode:')
  }

  /** Silence between this server and the others: nobody is told of it. */
  cutOff(id: number): void {
    for (const { gate } of this.#around(id)) gate.silence()
  }

  join(id: number): void {
    for (const { gate } of this.#around(id)) gate.reopen()
  }

  #around(id: number): readonly Way[] {
    return this.#ways.filter(({ from, to }) => from === id || to === id)
  }
}

/** Where `from` finds `to`: itself without a gate, because it listens there. */
async function placeOf(
  owner: Owner,
  from: number,
  to: number,
  { quorum, election }: Ports,
  ways: Way[],
): Promise<string> {
  if (from === to) return `${HOST}:${quorum}:${election}`
  const gates = await Promise.all([quorum, election].map(port => TcpGate.open(owner, `${HOST}:${port}`)))
  ways.push(...gates.map(gate => ({ from, to, gate })))
  return [HOST, ...gates.map(gate => gate.address.split(':')[1]!)].join(':')
}
