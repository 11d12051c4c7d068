import zookeeper from 'node-zookeeper-client'
import jute from 'node-zookeeper-client/lib/jute/index.js'
import { answeredWith, tooLarge } from './answers.ts'
import {
  SessionConnection,
  type Answered,
  type ConnectionListener,
  type ConnectionOptions,
} from './connection.ts'
import type { LibraryStat } from './library-internals.ts'
import { NodeWatches, type NodeListener } from './node-watches.ts'
import { MULTI, multiBytes, toLibraryOps, toMultiResult, toStat } from './wire.ts'
import type { Children, MultiResult, Op, Znode } from './znode.ts'

/** The server drops a connection that sends more than 1 MiB, which looks like a passing fault but never succeeds. */
const MAX_PAYLOAD_BYTES = 512 * 1024
/** Counted to the byte, so that it may come near to what the server takes. */
export const MAX_TRANSACTION_BYTES = 1_000_000

const OPEN_ACL = (zookeeper.ACL as unknown as { OPEN_ACL_UNSAFE: zookeeper.ACL[] }).OPEN_ACL_UNSAFE

/**
 * The calls of one ZooKeeper session, as promises. They reject with ZOOKEEPER_DISCONNECTED (effect unknown),
 * SESSION_EXPIRED, NOT_RUNNING after `close`, and ZOOKEEPER_REFUSED for an answer that a call does not expect.
 */
export class ZooKeeperClient {
  readonly #connection: SessionConnection
  readonly #watches: NodeWatches

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#connection = new SessionConnection(options, listener)
    this.#watches = new NodeWatches(this.#connection.manager)
  }

  get connected(): boolean {
    return this.#connection.connected
  }

  /** 0n before the first connect. */
  get sessionId(): bigint {
    return this.#connection.sessionId
  }

  /** In milliseconds, as negotiated; as asked for before the first connect. */
  get sessionTimeoutMs(): number {
    return this.#connection.sessionTimeoutMs
  }

  /** What last went wrong with the connection, for messages. */
  get lastTrouble(): string {
    return this.#connection.lastTrouble
  }

  connect(): void {
    this.#connection.connect()
  }

  /** Cuts the connection; another one is made within the session, to the next server. */
  dropConnection(reason: string): void {
    this.#connection.drop(reason)
  }

  /** Creates a node; false if there is one. Data null makes a node without data. */
  async create(path: string, data: Buffer | null, mode: 'persistent' | 'ephemeral'): Promise<boolean> {
    assertFits('create', path, data?.length ?? 0)
    const { library } = this.#connection
    const flags = zookeeper.CreateMode[mode === 'ephemeral' ? 'EPHEMERAL' : 'PERSISTENT']
    const created = this.#write<string>('create', path, answered =>
      data === null ? library.create(path, flags, answered) : library.create(path, data, flags, answered),
    )
    return trueUnless(created, 'NODE_EXISTS')
  }

  /** Deletes a node of exactly this version; false if there is none. */
  async remove(path: string, version: number): Promise<boolean> {
    const removed = this.#write<undefined>('remove', path, answered =>
      this.#connection.library.remove(path, version, error => answered(error, undefined)),
    )
    return trueUnless(removed, 'NO_NODE')
  }

  /** Sets the data of a node of exactly this version; answers the new one. */
  async setData(path: string, data: Buffer, version: number): Promise<number> {
    assertFits('set', path, data.length)
    const stat = await this.#write<LibraryStat>('set', path, answered =>
      this.#connection.library.setData(path, data, version, answered),
    )
    return stat.version
  }

  /** With `watch`, listeners of the node hear its next event, also that it is made. */
  async exists(path: string, watch = false): Promise<boolean> {
    const { library } = this.#connection
    const stat = await this.#read<LibraryStat | null>('exists', path, answered =>
      watch ? library.exists(path, this.#watches.watcherOf(path), answered) : library.exists(path, answered),
    )
    return stat !== null
  }

  /** Null if there is no node. With `watch`, listeners of the node hear its next event, unless there is no node. */
  async getData(path: string, watch = false): Promise<Znode | null> {
    const { library } = this.#connection
    const node = this.#read<Znode>('get', path, answered => {
      const done = (error: unknown, data: Buffer | undefined, stat: LibraryStat | undefined): void =>
        answered(
          error,
          stat === undefined ? undefined! : { data: data ?? Buffer.alloc(0), stat: toStat(stat) },
        )
      if (watch) library.getData(path, this.#watches.watcherOf(path), done)
      else library.getData(path, done)
    })
    return nullIfAbsent(node)
  }

  /** Names of the children, unsorted; null if there is no node. */
  async getChildren(path: string): Promise<string[] | null> {
    const children = this.#read<string[]>('list', path, answered =>
      this.#connection.library.getChildren(path, answered),
    )
    return nullIfAbsent(children)
  }

  /** The children with the number of their changes; null if there is no node. Listeners of the node hear the next change. */
  async watchChildren(path: string): Promise<Children | null> {
    const { library } = this.#connection
    const children = this.#read<Children>('list', path, answered =>
      library.getChildren(path, this.#watches.watcherOf(path), (error, names, stat) =>
        answered(error, toChildren(names, stat)),
      ),
    )
    return nullIfAbsent(children)
  }

  /** All steps or none, in one transaction. That a step failed is a result, not an error. */
  async multi(ops: readonly Op[], isUrgent = false): Promise<MultiResult> {
    const path = ops[0]?.path ?? '/'
    const bytes = multiBytes(ops)
    if (bytes > MAX_TRANSACTION_BYTES) throw tooLarge('multi', path, bytes, MAX_TRANSACTION_BYTES)
    return this.#connection.call<MultiResult>(
      { operation: 'multi', path, isQuorumWrite: isCommitted, isUrgent },
      answered => {
        const header = new jute.protocol.RequestHeader(0, MULTI)
        const request = new jute.Request(header, new jute.TransactionRequest(toLibraryOps(ops, OPEN_ACL)))
        this.#connection.manager.queue(request, (error, response) =>
          answered(error, response === undefined ? undefined! : toMultiResult(response.payload.results)),
        )
      },
    )
  }

  /** Hears events of a node, as far as `getData` set a watch on it. Returns the way to stop hearing. */
  onNodeEvent(path: string, listener: NodeListener): () => void {
    return this.#watches.listen(path, listener)
  }

  /**
   * Ends the session on the server, so that its ephemeral nodes go at once; without a connection it waits for one.
   * After the deadline the server is left to find out by itself. Idempotent.
   */
  close(deadlineMs: number): Promise<void> {
    return this.#connection.close(deadlineMs)
  }

  /** Ends everything on this side at once, without a word to the server. Idempotent. */
  abandon(reason: string): void {
    this.#connection.abandon(reason)
  }

  #write<T>(operation: string, path: string, send: (answered: Answered<T>) => void): Promise<T> {
    return this.#connection.call({ operation, path, isQuorumWrite: () => true }, send)
  }

  #read<T>(operation: string, path: string, send: (answered: Answered<T>) => void): Promise<T> {
    return this.#connection.call({ operation, path, isQuorumWrite: () => false }, send)
  }
}

const isCommitted = (result: MultiResult): boolean => result.committed

/** Both are missing where the call failed, and then nobody looks. */
function toChildren(names: readonly string[], stat: LibraryStat | undefined): Children {
  return { names, czxid: stat?.czxid.readBigInt64BE(0) ?? 0n, cversion: stat?.cversion ?? 0 }
}

async function trueUnless(call: Promise<unknown>, answer: string): Promise<boolean> {
  try {
    await call
    return true
  } catch (error) {
    if (answeredWith(error, answer)) return false
    throw error
  }
}

async function nullIfAbsent<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read
  } catch (error) {
    if (answeredWith(error, 'NO_NODE')) return null
    throw error
  }
}

function assertFits(operation: string, path: string, bytes: number): void {
  if (bytes > MAX_PAYLOAD_BYTES) throw tooLarge(operation, path, bytes, MAX_PAYLOAD_BYTES)
}
