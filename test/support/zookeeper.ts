import zookeeper from 'node-zookeeper-client'
import { atEnd, type Owner } from './cleanup.ts'
import { sharedStack } from './stack.ts'

export interface Node {
  readonly text: string
  readonly data: Buffer
  readonly version: number
  /** The session that made it, as hex; all zeros for a persistent node. */
  readonly ephemeralOwner: string
  /** Transaction of creation and of the last change, as hex. */
  readonly czxid: string
  readonly mzxid: string
}

/** What is really in ZooKeeper, for assertions; and writes of somebody else, for faults. */
export class ZooKeeperView {
  readonly #client: zookeeper.Client

  constructor(client: zookeeper.Client) {
    this.#client = client
  }

  /** Undefined when there is no such node. */
  read(path: string): Promise<Node | undefined> {
    return new Promise((resolve, reject) => {
      this.#client.getData(path, (error: Error | zookeeper.Exception, data: Buffer, stat: zookeeper.Stat) => {
        if (isNoNode(error)) resolve(undefined)
        else if (isError(error)) reject(error)
        else resolve(toNode(data, stat))
      })
    })
  }

  async exists(path: string): Promise<boolean> {
    return (await this.read(path)) !== undefined
  }

  /** Names of the children, sorted; none when there is no such node. */
  list(path: string): Promise<string[]> {
    return new Promise((resolve, reject) => {
      this.#client.getChildren(path, (error, children) => {
        if (isNoNode(error)) resolve([])
        else if (isError(error)) reject(error)
        else resolve([...children].sort())
      })
    })
  }

  /** Creates the node and its parents, or replaces its data whatever the version. */
  async write(path: string, text: string): Promise<void> {
    await this.#makePath(path)
    await new Promise<void>((resolve, reject) => {
      this.#client.setData(path, Buffer.from(text), -1, error => (isError(error) ? reject(error) : resolve()))
    })
  }

  /** With everything below; nothing to do when there is no such node. */
  async remove(path: string): Promise<void> {
    for (const child of await this.list(path)) await this.remove(path === '/' ? `/${child}` : `${path}/${child}`)
    await new Promise<void>((resolve, reject) => {
      this.#client.remove(path, -1, error => (isError(error) && !isNoNode(error) ? reject(error) : resolve()))
    })
  }

  #makePath(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.mkdirp(path, error => (isError(error) ? reject(error) : resolve()))
    })
  }
}

/** Connects to the shared ZooKeeper, or to `address` (`host:port`, with or without a chroot), until the test is over. */
export async function openZooKeeper(owner: Owner, address = sharedStack().zookeeper): Promise<ZooKeeperView> {
  const client = zookeeper.createClient(address, { sessionTimeout: 30_000, retries: 3 })
  atEnd(owner, () => closed(client))
  const connected = new Promise<void>(resolve => client.once('connected', () => resolve()))
  client.connect()
  await connected
  return new ZooKeeperView(client)
}

function closed(client: zookeeper.Client): Promise<void> {
  return new Promise(resolve => {
    client.once('disconnected', () => resolve())
    client.close()
  })
}

/** The declared type leaves out the null that stands for success. */
function isError(error: unknown): error is Error {
  return error !== null && error !== undefined
}

function isNoNode(error: unknown): boolean {
  return error instanceof zookeeper.Exception && error.getCode() === zookeeper.Exception.NO_NODE
}

function toNode(data: Buffer | undefined, stat: zookeeper.Stat): Node {
  const bytes = data ?? Buffer.alloc(0)
  return {
    text: bytes.toString('utf8'),
    data: bytes,
    version: stat.version,
    ephemeralOwner: hex(stat.ephemeralOwner),
    czxid: hex(stat.czxid),
    mzxid: hex(stat.mzxid),
  }
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex')
}
