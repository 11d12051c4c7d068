import { createServer, type Server, type Socket } from 'node:net'
import { atEnd, type Owner } from './cleanup.ts'

/** Operation codes of the wire. */
export const OP = {
  create: 1,
  remove: 2,
  exists: 3,
  get: 4,
  set: 5,
  ping: 11,
  list: 12,
  multi: 14,
  setWatches: 101,
  close: -11,
} as const

export interface FakeRequest {
  readonly xid: number
  readonly type: number
  /** Everything after xid and type. */
  readonly body: Buffer
}

/** What to do instead of the usual; return false for the usual. */
export interface Script {
  onConnect?: (connection: FakeConnection, nth: number) => boolean
  onRequest?: (connection: FakeConnection, request: FakeRequest, nth: number) => boolean
}

export const SESSION_ID = 0x1122_3344_5566_7788n

/** ConnectResponse with its length prefix. */
export function handshake(timeoutMs: number, sessionId = SESSION_ID): Buffer {
  const bytes = Buffer.alloc(41)
  bytes.writeInt32BE(37, 0)
  bytes.writeInt32BE(timeoutMs, 8)
  bytes.writeBigInt64BE(sessionId, 12)
  bytes.writeInt32BE(16, 20)
  return bytes
}

/** An answer with its length prefix. */
export function reply(xid: number, error: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(20 + body.length)
  bytes.writeInt32BE(16 + body.length, 0)
  bytes.writeInt32BE(xid, 4)
  bytes.writeBigInt64BE(5n, 8)
  bytes.writeInt32BE(error, 16)
  body.copy(bytes, 20)
  return bytes
}

/** Body of the answer to a transaction whose steps were checks only. */
export function checksPassed(): Buffer {
  return Buffer.concat([multiHeader(13, false, 0), multiHeader(-1, true, -1)])
}

/** Body of the answer to a transaction that failed with this code at its first step. */
export function multiFailed(code: number): Buffer {
  const error = Buffer.alloc(4)
  error.writeInt32BE(code, 0)
  return Buffer.concat([multiHeader(-1, false, code), error, multiHeader(-1, true, -1)])
}

export interface FakeNode {
  readonly data?: string
  readonly version?: number
  readonly czxid?: bigint
  /** 0n for a persistent node. */
  readonly ephemeralOwner?: bigint
}

/** Body of the answer to a get. */
export function nodeBody(node: FakeNode = {}): Buffer {
  return Buffer.concat([textBody(node.data ?? ''), statBody(node)])
}

/** Body of the answer to an exists or a set. */
export function statBody({ version = 0, czxid = 7n, ephemeralOwner = 0n }: FakeNode = {}): Buffer {
  const bytes = Buffer.alloc(68)
  bytes.writeBigInt64BE(czxid, 0)
  bytes.writeInt32BE(version, 32)
  bytes.writeBigInt64BE(ephemeralOwner, 44)
  return bytes
}

/** Body of the answer to a create, which repeats the path; and how a request begins that is about one node. */
export function textBody(text: string): Buffer {
  const bytes = Buffer.alloc(4 + Buffer.byteLength(text))
  bytes.writeInt32BE(bytes.length - 4, 0)
  bytes.write(text, 4)
  return bytes
}

/** The node that a request is about, unless it is a transaction. */
export function pathOf({ body }: FakeRequest): string {
  return body.toString('utf8', 4, 4 + body.readInt32BE(0))
}

/** An event of a node: 1 created, 2 deleted, 3 changed. */
export function nodeEvent(type: number, path: string): Buffer {
  const body = Buffer.alloc(12 + path.length)
  body.writeInt32BE(type, 0)
  body.writeInt32BE(3, 4)
  body.writeInt32BE(path.length, 8)
  body.write(path, 12)
  return reply(-1, 0, body)
}

function multiHeader(type: number, done: boolean, error: number): Buffer {
  const header = Buffer.alloc(9)
  header.writeInt32BE(type, 0)
  header.writeUInt8(done ? 1 : 0, 4)
  header.writeInt32BE(error, 5)
  return header
}

/** One accepted connection. */
export class FakeConnection {
  readonly socket: Socket
  readonly requests: FakeRequest[] = []
  handshake: Buffer | null = null
  #received: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
  }

  get isOpen(): boolean {
    return !this.socket.destroyed
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes)
  }

  /** Whole frames of what arrived, without their lengths. */
  receive(bytes: Buffer): Buffer[] {
    this.#received = Buffer.concat([this.#received, bytes])
    const frames: Buffer[] = []
    while (this.#received.length >= 4 && this.#received.length >= 4 + this.#received.readInt32BE(0)) {
      const end = 4 + this.#received.readInt32BE(0)
      frames.push(this.#received.subarray(4, end))
      this.#received = this.#received.subarray(end)
    }
    return frames
  }
}

/**
 * A scripted ZooKeeper for faults on the wire that no real server produces on demand. By default it grants one
 * session, answers pings, lets transactions pass, says NO_NODE to reads, and closes when asked to.
 */
export class FakeZooKeeper {
  readonly connections: FakeConnection[] = []
  readonly #server: Server
  readonly #sessionTimeoutMs: number
  script: Script = {}

  static async start(owner: Owner, sessionTimeoutMs: number, script: Script = {}): Promise<FakeZooKeeper> {
    const fake = new FakeZooKeeper(sessionTimeoutMs)
    fake.script = script
    await new Promise<void>(resolve => fake.#server.listen(0, '127.0.0.1', resolve))
    atEnd(owner, () => fake.#stop())
    return fake
  }

  private constructor(sessionTimeoutMs: number) {
    this.#sessionTimeoutMs = sessionTimeoutMs
    this.#server = createServer(socket => this.#accept(socket))
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  get last(): FakeConnection {
    return this.connections.at(-1)!
  }

  /** Every request of every connection of this type. */
  received(type: number): FakeRequest[] {
    return this.connections.flatMap(({ requests }) => requests.filter(request => request.type === type))
  }

  #accept(socket: Socket): void {
    const connection = new FakeConnection(socket)
    this.connections.push(connection)
    const nth = this.connections.length
    socket.on('error', () => {}) // the client cuts connections in these tests
    socket.on('data', bytes => {
      for (const frame of connection.receive(bytes)) this.#handle(connection, frame, nth)
    })
  }

  #handle(connection: FakeConnection, frame: Buffer, nth: number): void {
    if (connection.handshake === null) {
      connection.handshake = frame
      if (this.script.onConnect?.(connection, nth) !== true)
        connection.send(handshake(this.#sessionTimeoutMs))
      return
    }
    const request = { xid: frame.readInt32BE(0), type: frame.readInt32BE(4), body: frame.subarray(8) }
    connection.requests.push(request)
    if (this.script.onRequest?.(connection, request, nth) !== true) answerAsUsual(connection, request)
  }

  async #stop(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

function answerAsUsual(connection: FakeConnection, { xid, type }: FakeRequest): void {
  if (type === OP.multi) connection.send(reply(xid, 0, checksPassed()))
  else if (type === OP.exists || type === OP.get || type === OP.list) connection.send(reply(xid, -101))
  else connection.send(reply(xid, 0))
  if (type === OP.close) connection.socket.end()
}
