import { isGroupError, messageOf } from '../../../shared/errors.ts'
import type { Logger } from '../../../shared/logger.ts'
import { StateMachine } from '../../../shared/state-machine.ts'
import type { GroupStorageListener, SessionState } from '../group-storage.ts'
import { disconnected, isConnectionError, sessionExpired, storageClosed } from './answers.ts'
import { ZooKeeperClient } from './client.ts'
import type { ConnectionOptions } from './connection.ts'
import { HEARTBEATS_PER_TIMEOUT, type Instant } from './lease.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { SEEN_AS, SESSION_MOVES, type State } from './session-states.ts'
import { ChangeSignal, firstOf } from './wait.ts'
import { sessionName } from './znode.ts'

/** How long `close` may take to end the session on the server before it is left to run out. */
const GOODBYE_MS = 2_000

/**
 * As many heartbeats in a row without an answer, and another server is tried: one that is cut off from its leader goes
 * on answering pings. The next server has the last sixth of the lease to renew it, so claims and handlers may stay.
 */
const UNANSWERED_BEATS = 2

type Told = Pick<GroupStorageListener, 'leaseRenewed' | 'leaseOver' | 'disconnected' | 'restored' | 'expired'>

export interface SessionListener extends Told {
  /** Connected again within the session. It counts as restored when the promise resolves. */
  reconnected(client: ZooKeeperClient): Promise<void>
}

/** A write that keeps the session alive and proves it: the lease counts from it. */
export type Heartbeat = (client: ZooKeeperClient) => Promise<void>

/**
 * The sessions of one member, one after the other: each has a client of its own, which reconnects within it. Says
 * when the session may be used, keeps the lease, and sends the heartbeats once there is something to keep alive.
 */
export class Session {
  /** Fires at every change of state. */
  readonly changed = new ChangeSignal()
  readonly #options: ConnectionOptions
  readonly #listener: SessionListener
  readonly #logger: Logger
  readonly #state: StateMachine<State>
  readonly #lease: LeaseKeeper
  readonly #farewells = new Set<Promise<void>>()
  #client: ZooKeeperClient | null = null
  #sessionTimeoutMs: number
  #lastTrouble = ''
  #heartbeat: Heartbeat | null = null
  #heartbeatTimer: NodeJS.Timeout | undefined
  #unansweredBeats = 0
  #restores = 0
  #closed: Promise<void> | null = null

  constructor(options: ConnectionOptions, listener: SessionListener) {
    this.#options = options
    this.#listener = listener
    this.#logger = options.logger
    this.#sessionTimeoutMs = options.sessionTimeoutMs
    this.#lease = new LeaseKeeper(listener)
    this.#state = new StateMachine<State>('ZooKeeper session', SESSION_MOVES, 'idle', () =>
      this.changed.fire(),
    )
  }

  get state(): SessionState {
    return SEEN_AS[this.#state.state]
  }

  /** As negotiated with the server; as asked for before the first connect. */
  get timeoutMs(): number {
    return this.#client?.sessionTimeoutMs ?? this.#sessionTimeoutMs
  }

  /** True while claims are certainly valid. */
  get leaseHolds(): boolean {
    return this.#lease.holds
  }

  /** What last went wrong with the connection, for messages. */
  get lastTrouble(): string {
    return this.#client?.lastTrouble ?? this.#lastTrouble
  }

  /** The client of the current session; rejects what cannot be sent now with the code that says why. */
  clientFor(operation: string, path: string): ZooKeeperClient {
    const client = this.#client
    if (this.#state.is('connected') && client !== null) return client
    if (this.#state.is('closing', 'closed')) throw storageClosed({ operation, path })
    if (this.#state.is('expired')) throw sessionExpired({ operation, path })
    throw disconnected({ operation, path }, `not sent, the session is ${this.#state.state}`)
  }

  /** The same, but a connection that is lost within the session is waited for. */
  async whenConnected(operation: string, path: string, signal: AbortSignal): Promise<ZooKeeperClient> {
    while (this.#state.is('disconnected', 'restoring')) await firstOf([this.changed.subscribe], signal)
    return this.clientFor(operation, path)
  }

  /** True for the client of the session that still lives. Claims of any other are void. */
  isCurrent(client: ZooKeeperClient): boolean {
    return client === this.#client
  }

  /** Resolves with the client once connected, in a new session if there is none or the last one expired. */
  async connect(signal: AbortSignal): Promise<ZooKeeperClient> {
    try {
      for (;;) {
        signal.throwIfAborted()
        if (this.#state.is('connected', 'closing', 'closed')) return this.clientFor('connect to', 'ZooKeeper')
        if (this.#state.is('idle', 'expired')) this.#start()
        await firstOf([this.changed.subscribe], signal)
      }
    } catch (error) {
      if (this.#state.is('connecting')) this.#forgetClient('idle', 'the wait for a connection was given up')
      throw error
    }
  }

  /** Throws unless what `client` began can go on: SESSION_EXPIRED if its session is over, however alive a newer one is. */
  assertUsable(client: ZooKeeperClient, operation: string, path: string): void {
    const isOver = !this.isCurrent(client) && !this.#state.is('closing', 'closed')
    if (isOver) throw sessionExpired({ operation, path })
    this.clientFor(operation, path)
  }

  /** Resolves once the client's session is connected and verified; SESSION_EXPIRED if it is over. */
  async whenUsable(
    client: ZooKeeperClient,
    operation: string,
    path: string,
    signal: AbortSignal,
  ): Promise<void> {
    while (this.isCurrent(client) && this.#state.is('disconnected', 'restoring'))
      await firstOf([this.changed.subscribe], signal)
    this.assertUsable(client, operation, path)
  }

  /** From now on the session is kept alive by this write, and the lease counts. NOT_RUNNING once it is closed. */
  startHeartbeat(heartbeat: Heartbeat): void {
    if (this.#state.is('closing', 'closed'))
      throw storageClosed({ operation: 'keep alive', path: 'the session' }) // nobody would end the timer again
    clearInterval(this.#heartbeatTimer)
    this.#heartbeat = heartbeat
    this.#unansweredBeats = 0
    this.#lease.resume() // from the newest write so far: what made the member one
    this.#heartbeatTimer = setInterval(() => this.#beat(), this.timeoutMs / HEARTBEATS_PER_TIMEOUT)
  }

  /** Ends the lease: there is nothing left to keep alive. */
  stopHeartbeat(): void {
    clearInterval(this.#heartbeatTimer)
    this.#heartbeat = null
    this.#lease.end()
  }

  /** Gives the session up: every claim is void, and the server is told, so that others can take over at once. */
  end(reason: string): void {
    const client = this.#client
    if (client === null || this.#state.is('connecting', 'closing', 'closed')) return
    const farewell = client.close(GOODBYE_MS).finally(() => this.#farewells.delete(farewell))
    this.#farewells.add(farewell)
    this.#expire(reason)
  }

  /** Ends the session on the server if it can be reached in a short time. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close(client => client.close(GOODBYE_MS))
    return this.#closed
  }

  /** The same without a word to the server: what the session holds there stays until it times out. Idempotent. */
  abandon(): Promise<void> {
    this.#closed ??= this.#close(client => client.abandon('left behind'))
    return this.#closed
  }

  async #close(part: (client: ZooKeeperClient) => Promise<void> | void): Promise<void> {
    const client = this.#client
    this.#state.moveTo('closing', 'close')
    this.stopHeartbeat()
    this.#client = null
    await Promise.all([client === null ? undefined : part(client), ...this.#farewells])
    this.#state.moveTo('closed', 'session ended')
  }

  #start(): void {
    const client: ZooKeeperClient = new ZooKeeperClient(this.#options, {
      connected: () => this.isCurrent(client) && this.#afterConnected(client),
      disconnected: () => this.isCurrent(client) && this.#afterDisconnected(),
      expired: () => this.isCurrent(client) && this.#expire('ZooKeeper has ended the session'),
      written: sent => this.isCurrent(client) && this.#afterWritten(client, sent),
    })
    this.#client = client
    this.#state.moveTo('connecting', 'connect')
    client.connect()
  }

  #afterWritten({ sessionTimeoutMs }: ZooKeeperClient, sent: Instant): void {
    this.#unansweredBeats = 0
    this.#lease.written(sent, sessionTimeoutMs)
  }

  #afterConnected(client: ZooKeeperClient): void {
    const { sessionTimeoutMs } = client
    this.#sessionTimeoutMs = sessionTimeoutMs
    this.#logger.info({ session: sessionName(client.sessionId), sessionTimeoutMs }, 'connected to ZooKeeper')
    if (this.#state.is('connecting')) this.#state.moveTo('connected', 'connected')
    else void this.#restore(client)
  }

  #afterDisconnected(): void {
    this.#logger.warn({ trouble: this.lastTrouble }, 'connection to ZooKeeper lost, trying to get it back')
    this.#lease.hold()
    this.#unansweredBeats = 0
    const wasKnown = this.#state.is('connected')
    this.#state.moveTo('disconnected', this.lastTrouble)
    if (wasKnown) this.#listener.disconnected()
  }

  async #restore(client: ZooKeeperClient): Promise<void> {
    this.#state.moveTo('restoring', 'connected again')
    const restore = ++this.#restores
    try {
      await this.#listener.reconnected(client)
      // While claims were verified the connection may have gone and come again, or the session ended.
      if (!this.isCurrent(client) || !this.#state.is('restoring') || restore !== this.#restores) return
      this.#state.moveTo('connected', 'claims verified')
      if (this.#heartbeat !== null) this.#lease.resume()
      this.#listener.restored()
      this.#beat() // verifying took time, so what is left of the lease is short
    } catch (error) {
      // A lost connection is verified again after the next reconnect; a session that was closed meanwhile needs nothing.
      if (!isConnectionError(error) && this.isCurrent(client)) this.#giveUp(error)
    }
  }

  #beat(): void {
    const client = this.#client
    if (client === null || this.#heartbeat === null || !this.#state.is('connected')) return
    if (this.#unansweredBeats >= UNANSWERED_BEATS && this.#options.servers.length > 1) {
      client.dropConnection('the server answers no writes')
      return
    }
    this.#unansweredBeats += 1
    this.#heartbeat(client).catch((error: unknown) => {
      if (isConnectionError(error) || !this.isCurrent(client)) return
      this.#unansweredBeats = 0 // a refusal is an answer
      this.#afterRefusedBeat(error)
    })
  }

  /** A refusal may pass, and until the lease is over there is time for that; that the id is another's may not. */
  #afterRefusedBeat(error: unknown): void {
    if (isGroupError(error, 'MEMBER_ID_TAKEN') || !this.#lease.holds) this.#giveUp(error)
    else this.#logger.warn({ err: error }, 'a heartbeat was refused by ZooKeeper, trying again')
  }

  #giveUp(error: unknown): void {
    this.#logger.error({ err: error }, 'the ZooKeeper session cannot be kept and is given up')
    this.end(messageOf(error))
  }

  #expire(reason: string): void {
    this.#logger.warn({ reason }, 'ZooKeeper session is over')
    this.stopHeartbeat()
    this.#forgetClient('expired', reason)
    this.#listener.expired()
  }

  #forgetClient(to: 'idle' | 'expired', reason: string): void {
    const client = this.#client
    this.#lastTrouble = this.lastTrouble
    this.#client = null
    if (to === 'idle') client?.abandon(reason)
    this.#state.moveTo(to, reason)
  }
}
