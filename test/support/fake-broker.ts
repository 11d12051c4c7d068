import { once } from 'node:events'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import tls from 'node:tls'
import { atEnd, type Owner } from './cleanup.ts'
import { API, apiVersionsAnswer, MODERN, type SpokenVersions } from './kafka-answers.ts'

export interface FakeRequest {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  /** What follows the client id. */
  readonly body: Buffer
  readonly socket: Socket
  /** Sends the whole answer. */
  answer(payload: Buffer): void
}

export interface FakeBrokerOptions {
  /** Answers what is not ApiVersions. Without it: silence. */
  readonly onRequest?: (request: FakeRequest) => void
  readonly versions?: SpokenVersions
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** A scripted server for the faults of the wire that no real broker shows on demand. It ends with the test. */
export interface FakeBroker {
  readonly host: string
  readonly port: number
  /** Every socket that was ever accepted. */
  readonly sockets: readonly Socket[]
  readonly requests: readonly FakeRequest[]
  /** Refuses connections from now on and drops those it has. Idempotent. */
  stop(): Promise<void>
}

export async function startFakeBroker(owner: Owner, options: FakeBrokerOptions = {}): Promise<FakeBroker> {
  const sockets: Socket[] = []
  const requests: FakeRequest[] = []
  const accept = (socket: Socket): void => {
    sockets.push(socket)
    socket.on('error', () => {}) // the client may be gone before the answer
    readRequests(socket, request => {
      requests.push(request)
      if (request.apiKey === API.apiVersions) request.answer(apiVersionsAnswer(options.versions ?? MODERN))
      else options.onRequest?.(request)
    })
  }
  const server = options.tls === undefined ? net.createServer(accept) : tls.createServer(options.tls, accept)
  const port = await listen(server)
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  atEnd(owner, stop)
  return { host: '127.0.0.1', port, sockets, requests, stop }
}

/** A server that does with each socket what it is told, and speaks no protocol. It ends with the test. */
export async function startServer(
  owner: Owner,
  accept: (socket: Socket) => void,
): Promise<{ host: string; port: number }> {
  const sockets: Socket[] = []
  const server = net.createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    accept(socket)
  })
  const port = await listen(server)
  atEnd(owner, async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { host: '127.0.0.1', port }
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<{ host: string; port: number }> {
  const server = net.createServer()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  return { host: '127.0.0.1', port }
}

/** An answer with its size and correlation id in front. */
export function answerFrame(correlationId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeInt32BE(4 + payload.length, 0)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, payload])
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function readRequests(socket: Socket, onRequest: (request: FakeRequest) => void): void {
  let pending = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
      const frame = pending.subarray(4, 4 + pending.readInt32BE(0))
      pending = pending.subarray(4 + frame.length)
      onRequest(parseRequest(socket, frame))
    }
  })
}

function parseRequest(socket: Socket, frame: Buffer): FakeRequest {
  const correlationId = frame.readInt32BE(4)
  return {
    apiKey: frame.readInt16BE(0),
    apiVersion: frame.readInt16BE(2),
    correlationId,
    body: frame.subarray(10 + frame.readInt16BE(8)),
    socket,
    answer: payload => void socket.write(answerFrame(correlationId, payload)),
  }
}
