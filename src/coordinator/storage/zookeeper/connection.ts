import zookeeper from 'node-zookeeper-client'
import type { GroupError } from '../../../shared/errors.ts'
import type { HostPort } from '../../../shared/host-port.ts'
import type { Logger } from '../../../shared/logger.ts'
import { StateMachine } from '../../../shared/state-machine.ts'
import { disconnected, refused, sessionExpired, storageClosed } from './answers.ts'
import { ConnectionGuard } from './connection-guard.ts'
import { rememberEnded } from './ended-sessions.ts'
import { systemClock, type Instant } from './lease.ts'
import { LIBRARY_STATE, type ConnectionManager } from './library-internals.ts'
import { OutstandingCalls, type OutstandingCall } from './outstanding-calls.ts'
import { SendWindow } from './send-window.ts'
import { answerOf } from './wire.ts'

export interface ConnectionOptions {
  readonly servers: readonly HostPort[]
  readonly sessionTimeoutMs: number
  readonly logger: Logger
}

export interface ConnectionListener {
  connected(): void
  disconnected(): void
  /** The session is over and with it this connection. */
  expired(): void
  /** A write that was sent at `sent` has succeeded: a quorum held the session alive after that moment. */
  written(sent: Instant): void
}

export interface Call<T> {
  readonly operation: string
  readonly path: string
  /** Whether an answer with this value proves that a quorum held the session alive. */
  readonly isQuorumWrite: (value: T) => boolean
  /** Does not wait behind others. @defaultValue false */
  readonly isUrgent?: boolean
}

export type Answered<T> = (error: unknown, value: T) => void

/** The library wants a connection string; the guard replaces what it makes of it. */
const PLACEHOLDER = '127.0.0.1'

/** The library counts requests in a signed 32-bit number and throws at its end; answers only repeat the number. */
const LAST_XID = 0x7fff_0000

/** Calls under way at a time: what a heartbeat may have to wait for, yet far more than fit into one round trip. */
const WINDOW = 256

const LIBRARY_CODES = new Set<unknown>(Object.values(zookeeper.Exception))

const MOVES = {
  new: ['open', 'closed'],
  open: ['closing', 'expired', 'closed'],
  closing: ['expired', 'closed'],
  expired: [],
  closed: [],
} as const

/**
 * The connection of one session over node-zookeeper-client with its defects guarded. Nothing is queued while it is
 * down, no call is sent twice, each ends within the session timeout, and all that wait are rejected when the
 * connection or the session ends. It reconnects by itself until the session is over; then it is of no further use.
 */
export class SessionConnection {
  readonly library: zookeeper.Client
  readonly manager: ConnectionManager
  readonly #state = new StateMachine<keyof typeof MOVES>('ZooKeeper connection', MOVES, 'new')
  readonly #listener: ConnectionListener
  readonly #guard: ConnectionGuard
  readonly #outstanding = new OutstandingCalls()
  readonly #window = new SendWindow(WINDOW)
  #goodbye: Promise<void> | null = null
  #endGoodbye: () => void = () => {}

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#listener = listener
    this.library = zookeeper.createClient(PLACEHOLDER, {
      sessionTimeout: options.sessionTimeoutMs,
      retries: 0,
    })
    this.manager = (this.library as unknown as { connectionManager: ConnectionManager }).connectionManager
    const guarding = { ...options, isKnownCode: (code: number) => LIBRARY_CODES.has(code) }
    this.#guard = new ConnectionGuard(this.manager, guarding, () => this.#endGoodbye())
    this.library.on('connected', () => this.#afterConnected())
    this.library.on('disconnected', () => this.#afterDisconnected())
    this.library.on('expired', () => this.#afterExpired())
  }

  get connected(): boolean {
    return this.#state.is('open') && this.manager.state === LIBRARY_STATE.CONNECTED
  }

  /** 0n before the first connect. */
  get sessionId(): bigint {
    return this.manager.sessionId.readBigInt64BE(0)
  }

  /** As negotiated; as asked for before the first connect. */
  get sessionTimeoutMs(): number {
    return this.manager.sessionTimeout
  }

  /** What last went wrong with the connection, for messages. */
  get lastTrouble(): string {
    return this.#guard.lastTrouble
  }

  connect(): void {
    this.#state.moveTo('open', 'connect')
    this.library.connect()
  }

  /** Cuts the connection; the next server is tried within the session. */
  drop(reason: string): void {
    this.#guard.drop(reason)
  }

  /**
   * Sends one call; `send` hands it to the library with the callback for its answer. Rejects at once when there is no
   * connection: the library would keep the call and send it whenever there is one again.
   */
  call<T>(what: Call<T>, send: (answered: Answered<T>) => void): Promise<T> {
    const { operation, path } = what
    if (!this.connected) return Promise.reject(this.#unavailable({ operation, path }))
    return new Promise<T>((resolve, reject) => {
      const call = { operation, path }
      this.#outstanding.add(call, reject)
      this.#window.enter(() => this.#send(call, what, send, { resolve, reject }), what.isUrgent ?? false)
    })
  }

  #send<T>(
    call: OutstandingCall,
    { isQuorumWrite }: Call<T>,
    send: (answered: Answered<T>) => void,
    { resolve, reject }: { resolve: (value: T) => void; reject: (error: GroupError) => void },
  ): void {
    const sent = systemClock()
    const onDeadline = (): void => this.#guard.drop(`no answer to ${call.operation} ${call.path}`)
    this.#outstanding.startDeadline(call, this.sessionTimeoutMs, onDeadline)
    if (this.manager.xid > LAST_XID) this.manager.xid = 0
    this.#gatherWrites()
    const answered = (error: unknown, value: T): void => {
      if (!this.#outstanding.settle(call)) return // rejected before: the connection or the session has ended
      if (error !== null && error !== undefined) reject(this.#toGroupError(error, call))
      else {
        if (isQuorumWrite(value)) this.#listener.written(sent)
        resolve(value)
      }
      // The library calls back for a lost connection while it still counts as connected: nothing may follow.
      if (this.manager.socket?.destroyed === false) this.#window.leave()
    }
    try {
      send(answered)
    } catch (thrown) {
      answered(thrown, undefined!) // the library refused the arguments; nothing was sent
    }
  }

  /** All calls of one turn of the event loop leave in one write: commits come many at a time. */
  #gatherWrites(): void {
    const { socket } = this.manager
    if (socket === undefined || socket.writableCorked > 0) return
    socket.cork()
    process.nextTick(() => socket.uncork())
  }

  /**
   * Ends the session on the server, so that its ephemeral nodes go at once; without a connection it waits for one.
   * After the deadline the server is left to find out by itself. Idempotent.
   */
  close(deadlineMs: number): Promise<void> {
    this.#goodbye ??= this.#sayGoodbye(deadlineMs)
    return this.#goodbye
  }

  /** Ends everything on this side at once, without a word to the server. Idempotent. */
  abandon(reason: string): void {
    if (!this.#state.isFinal) this.#end('closed', reason)
  }

  async #sayGoodbye(deadlineMs: number): Promise<void> {
    if (this.#state.is('open') && this.sessionId !== 0n) {
      const wasConnected = this.connected
      this.#state.moveTo('closing', 'close')
      await new Promise<void>(resolve => {
        const giveUp = setTimeout(resolve, deadlineMs)
        this.#endGoodbye = () => {
          if (this.manager.state !== LIBRARY_STATE.CLOSED) return // a lost connection: the library tries again
          clearTimeout(giveUp)
          resolve()
        }
        if (wasConnected) this.library.close()
      })
    }
    this.abandon('closed') // what the deadline cut; a session that expired meanwhile has ended already
  }

  #afterConnected(): void {
    // The library cannot close while it connects: it would take the handshake for an answer and throw.
    if (this.#state.is('closing')) this.library.close()
    else this.#listener.connected()
  }

  #afterDisconnected(): void {
    this.#window.reset()
    this.#outstanding.rejectAll(call => disconnected(call, 'the connection to ZooKeeper was lost'))
    if (this.#state.is('open')) this.#listener.disconnected()
  }

  #afterExpired(): void {
    this.#end('expired', 'ZooKeeper says that the session is over')
    this.#endGoodbye()
    this.#listener.expired()
  }

  #end(to: 'expired' | 'closed', reason: string): void {
    this.#state.moveTo(to, reason)
    rememberEnded(this.sessionId)
    this.#guard.end()
    this.#window.reset()
    this.#outstanding.rejectAll(call => this.#unavailable(call))
  }

  #toGroupError(error: unknown, call: OutstandingCall): GroupError {
    const code = (error as { code?: unknown }).code
    if (typeof code !== 'number') return refused(call, 'nothing: the library refused the call', error)
    const answer = answerOf(this.#guard.unknownCode ?? code)
    if (answer === 'CONNECTION_LOSS' || answer === 'SESSION_MOVED')
      return disconnected(call, `ZooKeeper: ${answer}`)
    if (answer === 'SESSION_EXPIRED') return sessionExpired(call)
    return refused(call, answer, error)
  }

  #unavailable(call: OutstandingCall): GroupError {
    if (this.#state.is('expired')) return sessionExpired(call)
    if (this.#state.is('closing', 'closed')) return storageClosed(call)
    return disconnected(call, 'not sent, there is no connection to ZooKeeper')
  }
}
