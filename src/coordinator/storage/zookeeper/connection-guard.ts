import { Backoff } from '../../../shared/backoff.ts'
import { messageOf } from '../../../shared/errors.ts'
import type { HostPort } from '../../../shared/host-port.ts'
import type { Logger } from '../../../shared/logger.ts'
import { PatientTimer } from '../../../shared/patient-timer.ts'
import { shuffled } from '../../../shared/shuffled.ts'
import { FrameSplitter } from './frame-splitter.ts'
import { LIBRARY_STATE, type ConnectionManager } from './library-internals.ts'
import { SilenceWatch } from './silence-watch.ts'

const RECONNECT_BACKOFF = { initialMs: 50, maxMs: 1_000 } as const

/** As in ZooKeeper's own client: a healthy server is heard at least every third (it answers pings). */
const READ_TIMEOUT_SHARE = 2 / 3

/** A server may take this share of the session timeout to answer; with more servers each gets less. */
const HANDSHAKE_SHARE = 1 / 3

/** ConnectResponse: version, timeout, session id, password; and a read-only flag since 3.4. Length prefix included. */
const HANDSHAKE_BYTES: readonly number[] = [40, 41]

const SESSION_EXPIRED = -112
const SESSION_MOVED = -118
const SYSTEM_ERROR = -1

export interface GuardOptions {
  readonly servers: readonly HostPort[]
  readonly logger: Logger
  /** True for error codes that the library knows; it throws on others from within its socket handler. */
  readonly isKnownCode: (code: number) => boolean
}

/**
 * Keeps one connection manager of the library from its known defects: no read timeout, no handshake timeout, bytes
 * that survive a reconnect, throws inside the socket handler, requests kept for later. One owner, one session.
 */
export class ConnectionGuard {
  readonly #manager: ConnectionManager
  readonly #servers: readonly HostPort[]
  readonly #logger: Logger
  readonly #isKnownCode: (code: number) => boolean
  readonly #splitter = new FrameSplitter()
  readonly #backoff = new Backoff(RECONNECT_BACKOFF)
  readonly #handshake = new PatientTimer(() => this.drop('no answer to the handshake in time'))
  readonly #silence = new SilenceWatch(() => this.drop('the server has been silent for too long'))
  readonly #deliver: (frame: Buffer) => void
  readonly #onClosed: () => void
  #connectTimer: NodeJS.Timeout | undefined
  #nextServer = 0
  /** Since a server last answered a call or a ping. */
  #attempts = 0
  #ended = false
  #lastTrouble = 'no connection was tried yet'
  #unknownCode: number | null = null

  constructor(manager: ConnectionManager, options: GuardOptions, onClosed: () => void) {
    this.#manager = manager
    this.#servers = shuffled(options.servers)
    this.#logger = options.logger
    this.#isKnownCode = options.isKnownCode
    this.#onClosed = onClosed
    manager.servers = [...this.#servers]
    this.#deliver = manager.onSocketData.bind(manager)
    const closed = manager.onSocketClosed.bind(manager)
    manager.findNextServer = connect => this.#scheduleConnect(connect)
    manager.onSocketData = bytes => this.#receive(bytes)
    manager.onSocketError = error => this.#note(error.message)
    manager.onSocketClosed = hadError => this.#afterClose(closed, hadError)
  }

  /** What last went wrong with the connection, for messages. */
  get lastTrouble(): string {
    return this.#lastTrouble
  }

  /** The code of the answer being delivered, if the library has no name for it. */
  get unknownCode(): number | null {
    return this.#unknownCode
  }

  /** Cuts the connection; the library then reconnects within the session. */
  drop(reason: string): void {
    this.#note(reason)
    this.#manager.socket?.destroy()
  }

  /** Takes the connection down for good: nothing of it is heard, sent or tried again. */
  end(): void {
    this.#ended = true
    this.#clearTimers()
    clearTimeout(this.#connectTimer)
    this.#manager.state = LIBRARY_STATE.CLOSED
    const socket = this.#manager.socket
    if (socket === undefined) return
    socket.removeAllListeners()
    socket.on('error', () => {}) // safe: nobody waits for this connection any more
    socket.destroy()
  }

  #scheduleConnect(connect: (server: HostPort) => void): void {
    if (this.#ended) return
    const delayMs = this.#attempts < this.#servers.length ? 0 : this.#backoff.nextDelayMs()
    const server = this.#servers[this.#nextServer % this.#servers.length]!
    this.#nextServer += 1
    this.#attempts += 1
    this.#connectTimer = setTimeout(() => {
      this.#lastTrouble = `no answer from ${server.host}:${server.port}`
      connect(server)
      clearTimeout(this.#manager.connectTimeoutHandler ?? undefined) // ours covers the answer too, and ends with the socket
      this.#handshake.arm(this.#handshakeTimeoutMs)
    }, delayMs)
  }

  get #handshakeTimeoutMs(): number {
    return this.#manager.sessionTimeout * Math.min(HANDSHAKE_SHARE, 1 / this.#servers.length)
  }

  #receive(bytes: Buffer): void {
    try {
      const socket = this.#manager.socket
      for (const frame of this.#splitter.push(bytes)) {
        this.#silence.heard()
        this.#handle(frame)
        if (this.#ended || socket?.destroyed === true) return // what else came belongs to a connection that is given up
      }
    } catch (thrown) {
      this.#logger.warn({ err: thrown }, 'ZooKeeper answer could not be read; the connection is made again')
      this.drop(`answer could not be read: ${messageOf(thrown)}`)
    }
  }

  #handle(frame: Buffer): void {
    if (this.#manager.state === LIBRARY_STATE.CONNECTING) this.#handleHandshake(frame)
    else this.#handleReply(frame)
  }

  #handleHandshake(frame: Buffer): void {
    const fault = this.#handshakeFault(frame)
    if (fault !== null) {
      this.drop(fault)
      return
    }
    this.#lastTrouble = 'the server closed the connection'
    this.#deliver(frame)
    this.#handshake.clear()
    if (!this.#ended) this.#silence.begin(this.#manager.sessionTimeout * READ_TIMEOUT_SHARE)
  }

  #handshakeFault(frame: Buffer): string | null {
    if (!HANDSHAKE_BYTES.includes(frame.length)) return 'the answer to the handshake has a wrong length'
    const isNewSession = this.#manager.sessionId.every(byte => byte === 0)
    return isNewSession && frame.readInt32BE(8) <= 0 ? 'the server refused a new session' : null
  }

  #handleReply(frame: Buffer): void {
    // A server that answers is a good one: reconnects are immediate again. A handshake alone proves little.
    this.#attempts = 0
    this.#backoff.reset()
    const code = replyErrorCode(frame)
    if (code !== null && !this.#isKnownCode(code)) this.#deliverUnknownCode(frame, code)
    else this.#deliver(frame)
    // Whether the session is over or only elsewhere, a new handshake tells.
    if (code === SESSION_EXPIRED || code === SESSION_MOVED)
      this.drop('the server says that the session is not here')
  }

  #deliverUnknownCode(frame: Buffer, code: number): void {
    frame.writeInt32BE(SYSTEM_ERROR, REPLY_ERROR_AT)
    this.#unknownCode = code
    try {
      this.#deliver(frame)
    } finally {
      this.#unknownCode = null
    }
  }

  #afterClose(closed: (hadError: boolean) => void, hadError: boolean): void {
    if (this.#ended) return
    this.#clearTimers()
    this.#splitter.reset()
    this.#manager.pendingBuffer = null
    this.#manager.packetQueue.queue.length = 0 // or they would be sent after the reconnect, however late that is
    closed(hadError)
    this.#onClosed()
  }

  #clearTimers(): void {
    this.#handshake.clear()
    this.#silence.end()
  }

  #note(trouble: string): void {
    this.#lastTrouble = trouble
    const { remoteAddress, remotePort } = this.#manager.socket ?? {}
    this.#logger.debug({ remoteAddress, remotePort, trouble }, 'ZooKeeper connection in trouble')
  }
}

/** ReplyHeader after the length prefix: xid (4), zxid (8), error (4). */
const REPLY_ERROR_AT = 16
const REPLY_HEADER_END = 20

/** Error code of an answer to a request; null for pings, events and other frames that answer none. */
function replyErrorCode(frame: Buffer): number | null {
  if (frame.length < REPLY_HEADER_END || frame.readInt32BE(4) < 0) return null
  return frame.readInt32BE(REPLY_ERROR_AT)
}
