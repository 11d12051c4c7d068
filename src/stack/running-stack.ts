import { HOST } from './ports.ts'
import { ServerProcess, type ServerSpec } from './server-process.ts'
import { stackError } from './stack-error.ts'
import type { Supervisor } from './supervisor-client.ts'

/** Real ZooKeeper and Kafka as processes of this machine. They end when this process ends, however it ends. */
export class RunningStack implements AsyncDisposable {
  /** `host:port` */
  readonly zookeeper: string
  /** `host:port` by broker id. */
  readonly brokers: readonly string[]
  /** Configuration, data and logs. */
  readonly directory: string
  /** For Java programs beside the servers. */
  readonly classpath: string
  readonly zookeeperProcess: ServerProcess
  readonly #brokerProcesses: readonly ServerProcess[]
  readonly #supervisor: Supervisor
  readonly #isKept: boolean
  #stopped: Promise<void> | undefined

  /** `isKept`: the directory stays when the stack stops. */
  constructor(
    supervisor: Supervisor,
    servers: { readonly zookeeper: ServerSpec; readonly brokers: readonly ServerSpec[] },
    classpath: string,
    isKept: boolean,
  ) {
    this.zookeeper = `${HOST}:${servers.zookeeper.port}`
    this.brokers = servers.brokers.map(({ port }) => `${HOST}:${port}`)
    this.directory = supervisor.directory
    this.classpath = classpath
    this.zookeeperProcess = new ServerProcess(servers.zookeeper, supervisor)
    this.#brokerProcesses = servers.brokers.map(spec => new ServerProcess(spec, supervisor))
    this.#supervisor = supervisor
    this.#isKept = isKept
  }

  brokerProcess(id: number): ServerProcess {
    const broker = this.#brokerProcesses[id]
    if (broker !== undefined) return broker
    const count = this.#brokerProcesses.length
    throw stackError(`there is no broker ${id}: this stack has ${count}, with ids from 0`, { id, count })
  }

  /** Ends every server and removes a temporary directory. The same promise when called twice. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stopAll())
  }

  /** Leaves the servers running on their own, and this process free to end; a temporary directory stays too. */
  release(): Promise<void> {
    return this.#supervisor.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stopAll(): Promise<void> {
    try {
      if (this.#isKept) await this.#stopInOrder()
    } finally {
      await this.#supervisor.end()
    }
  }

  /** What is kept is left in good order: a broker that stops completes its logs and tells ZooKeeper. */
  async #stopInOrder(): Promise<void> {
    await Promise.all(this.#brokerProcesses.map(broker => broker.stop()))
    await this.zookeeperProcess.stop()
  }
}
