import zookeeper from 'node-zookeeper-client'
import { atEnd, type Owner } from './cleanup.ts'
import { sharedStack } from './stack.ts'
import { within } from './within.ts'

/** A node as it really is in ZooKeeper. The ids are hexadecimal. */
export interface ZooKeeperNode {
  readonly text: string
  readonly data: Buffer
  readonly version: number
  /** The session that made it; all zeros for a persistent node. */
  readonly ephemeralOwner: string
  readonly czxid: string
  readonly mzxid: string
  /** When ZooKeeper made it, by its clock: that of this machine. */
  readonly ctimeMs: number
}

const SESSION_TIMEOUT_MS = 30_000
/** More than any session of the tests lasts. */
const HAPPENS_WITHIN_MS = 60_000

/** Reads what is really in ZooKeeper, for assertions, and writes as somebody else would, for faults. */
export class ZooKeeperView {
  readonly #client: zookeeper.Client

  /** `address` is `host:port`, with or without a chroot. */
  static async connect(address: string): Promise<ZooKeeperView> {
    const client = zookeeper.createClient(address, { sessionTimeout: SESSION_TIMEOUT_MS, retries: 3 })
    const connected = new Promise<void>(resolve => client.once('connected', () => resolve()))
    client.connect()
    await connected
    return new ZooKeeperView(client)
  }

  private constructor(client: zookeeper.Client) {
    this.#client = client
  }

  /** Undefined when there is no such node. */
  async read(path: string): Promise<ZooKeeperNode | undefined> {
    return unlessMissing(
      new Promise((resolve, reject) => {
        this.#client.getData(path, (error, data, stat) => {
          if (error === null) resolve(toNode(data, stat))
          else reject(failure(error))
        })
      }),
    )
  }

  /** Names of the children, sorted; none when there is no such node. */
  async list(path: string): Promise<string[]> {
    const children = await unlessMissing(
      new Promise<string[]>((resolve, reject) => {
        this.#client.getChildren(path, (error, names) => {
          if (error === null) resolve(names)
          else reject(failure(error))
        })
      }),
    )
    return (children ?? []).sort()
  }

  /** Tells the names of the children now and at each change, as far as changes are not faster than the answers. */
  watchChildren(path: string, told: (names: readonly string[]) => void): void {
    const look = (): void =>
      this.#client.getChildren(path, look, (error, names) => {
        if (error === null) told(names)
      })
    look()
  }

  /** Resolves with the time (Date.now) at which the node was made, or deleted, as told by a watch, some time after it. */
  async happensTo(path: string, event: 'created' | 'deleted'): Promise<number> {
    const { NODE_CREATED, NODE_DELETED } = zookeeper.Event
    const awaited = event === 'created' ? NODE_CREATED : NODE_DELETED
    const happened = new Promise<number>((resolve, reject) => {
      const look = (): void =>
        this.#client.exists(
          path,
          told => (told.getType() === awaited ? resolve(Date.now()) : look()),
          (error, stat: zookeeper.Stat | null) => {
            if (error !== null) reject(failure(error))
            else if ((stat === null) === (event === 'deleted')) resolve(Date.now())
          },
        )
      look()
    })
    return within(HAPPENS_WITHIN_MS, `${path} is ${event}`, happened)
  }

  /** Creates the node and its parents, or replaces its data whatever the version. */
  async write(path: string, data: string | Buffer): Promise<void> {
    await this.#run(done => this.#client.mkdirp(path, done))
    await this.#run(done => this.#client.setData(path, Buffer.from(data), done))
  }

  /** Creates a node below one that exists; it goes when it is removed, or with this view. */
  async writeEphemeral(path: string, text: string): Promise<void> {
    const { EPHEMERAL } = zookeeper.CreateMode
    await this.#run(done => this.#client.create(path, Buffer.from(text), EPHEMERAL, done))
  }

  /** Deletes the node and makes it anew in one step, as an ephemeral one of this session: nobody gets in between. */
  async replace(path: string, text: string): Promise<void> {
    const { EPHEMERAL } = zookeeper.CreateMode
    const acl = (zookeeper.ACL as unknown as { OPEN_ACL_UNSAFE: zookeeper.ACL[] }).OPEN_ACL_UNSAFE
    const replaced = this.#client.transaction().remove(path).create(path, Buffer.from(text), acl, EPHEMERAL)
    await this.#run(done => replaced.commit(done))
  }

  /** With everything below; nothing to do when there is no such node. */
  async remove(path: string): Promise<void> {
    for (const child of await this.list(path)) await this.remove(`${path}/${child}`)
    await unlessMissing(this.#run(done => this.#client.remove(path, done)))
  }

  async close(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#client.once('disconnected', () => resolve())
      this.#client.close()
    })
  }

  #run(call: (done: (error: Error | zookeeper.Exception | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      call(error => {
        if (error === null) resolve()
        else reject(failure(error))
      })
    })
  }
}

/** Connected to the shared ZooKeeper, or to `address`, until the test is over. */
export async function openZooKeeper(owner: Owner, address = sharedStack().zookeeper): Promise<ZooKeeperView> {
  const view = await ZooKeeperView.connect(address)
  atEnd(owner, () => view.close())
  return view
}

/** What a group has committed in the classic layout, by partition; -1 where nothing is stored. */
export async function readOffsets(
  groupId: string,
  topic: string,
  address = sharedStack().zookeeper,
): Promise<number[]> {
  const view = await ZooKeeperView.connect(address)
  try {
    const path = `/consumers/${groupId}/offsets/${topic}`
    const partitions = (await view.list(path)).map(Number)
    const offsets = new Array<number>(Math.max(-1, ...partitions) + 1).fill(-1)
    for (const partition of partitions)
      offsets[partition] = Number((await view.read(`${path}/${partition}`))?.text ?? -1)
    return offsets
  } finally {
    await view.close()
  }
}

/** The client's exceptions are errors, which its types do not say. */
function failure(error: Error | zookeeper.Exception): Error {
  return error instanceof Error ? error : new Error(error.toString(), { cause: error })
}

async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result
  } catch (error) {
    if (error instanceof zookeeper.Exception && error.getCode() === zookeeper.Exception.NO_NODE)
      return undefined
    throw error
  }
}

function toNode(data: Buffer | undefined, stat: zookeeper.Stat): ZooKeeperNode {
  const bytes = data ?? Buffer.alloc(0)
  return {
    text: bytes.toString('utf8'),
    data: bytes,
    version: stat.version,
    ephemeralOwner: stat.ephemeralOwner.toString('hex'),
    czxid: stat.czxid.toString('hex'),
    mzxid: stat.mzxid.toString('hex'),
    ctimeMs: Number(stat.ctime.readBigInt64BE()),
  }
}
