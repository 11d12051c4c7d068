import { Backoff } from '../../shared/backoff.ts'
import { monotonicMs } from '../../shared/clock.ts'
import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import type { FetchRequest } from '../../shared/kafka/fetch-request.ts'
import type { FetchResponse } from '../../shared/kafka/fetch-response.ts'
import type { LinkState } from './plan-fetch.ts'

export type OpenConnection = (signal: AbortSignal) => Promise<BrokerConnection>

export interface FetchLinkOptions {
  /** How long the broker may wait for records. */
  readonly waitMs: number
  readonly open: OpenConnection
  /** The link became ready again by itself, or overdue: there may be something to ask now. */
  readonly changed: () => void
}

/** After a connection was lost or could not be opened. */
const RECONNECT = { initialMs: 50, maxMs: 2000 }
/** After an answer that brought nothing although it came early: whatever makes a broker do that must not make a loop. */
const EARLY = { initialMs: 10, maxMs: 500 }
/** What an answer may take beyond its wait before nobody else waits for it: this, or as many times what it took of late. */
const OVERDUE_MS = 30
const OVERDUE_FACTOR = 2
const EXTRA_DECAY = 0.9

/** One connection to a leader, opened when it is first needed, or before if asked to, and again when it has ended. One request at a time. */
export class FetchLink {
  readonly waitMs: number
  readonly #open: OpenConnection
  readonly #changed: () => void
  readonly #closing = new AbortController()
  readonly #reconnect = new Backoff(RECONNECT)
  readonly #early = new Backoff(EARLY)
  #connection: BrokerConnection | null = null
  #opening: Promise<BrokerConnection> | null = null
  #state: LinkState = 'ready'
  /** What answers took of late beyond the wait: the way there and back. */
  #extraMs = 0
  /** Ends a pause, or makes a request overdue. */
  #timer: NodeJS.Timeout | null = null

  constructor({ waitMs, open, changed }: FetchLinkOptions) {
    this.waitMs = waitMs
    this.#open = open
    this.#changed = changed
  }

  get state(): LinkState {
    return this.#state
  }

  get isOut(): boolean {
    return this.#state === 'out' || this.#state === 'overdue'
  }

  /**
   * Asks, hands the answer on, and pauses after one that held nothing although it came early. Rejects, and pauses, when
   * the request failed or `take` refused the answer: BROKERS_UNREACHABLE, BROKER_DISCONNECTED, BROKER_REFUSED …
   */
  async exchange(
    request: FetchRequest,
    take: (response: FetchResponse) => 'useful' | 'nothing',
  ): Promise<void> {
    this.#become('out', 'overdue', this.waitMs + Math.max(OVERDUE_MS, OVERDUE_FACTOR * this.#extraMs))
    try {
      const connection = await this.#connected()
      const sentAtMs = monotonicMs()
      const response = await connection.fetch(request)
      const tookMs = monotonicMs() - sentAtMs
      this.#extraMs = Math.max(tookMs - this.waitMs, this.#extraMs * EXTRA_DECAY)
      const outcome = take(response)
      this.#reconnect.reset()
      this.#answered(outcome, tookMs)
    } catch (error) {
      this.#become('pausing', 'ready', this.#reconnect.nextDelayMs())
      throw error
    }
  }

  #answered(outcome: 'useful' | 'nothing', tookMs: number): void {
    if (outcome === 'nothing' && tookMs < this.waitMs / 2) {
      this.#become('pausing', 'ready', this.#early.nextDelayMs())
      return
    }
    this.#early.reset()
    this.#become('ready')
  }

  /** Opens the connection before there is anything to ask: the first request then need not wait for it. */
  prepare(): void {
    this.#connected().catch(() => {}) // the first request tries again, and tells
  }

  /** Rejects the request in flight. Idempotent; waits for nothing. */
  close(): void {
    this.#closing.abort()
    this.#clearTimer()
    this.#connection?.close()
    this.#connection = null
  }

  #become(state: LinkState, then?: LinkState, afterMs?: number): void {
    this.#clearTimer()
    this.#state = state
    if (then === undefined || this.#closing.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#become(then)
      this.#changed()
    }, afterMs)
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #connected(): Promise<BrokerConnection> {
    if (this.#connection?.isConnected === true) return Promise.resolve(this.#connection) // brokers end idle connections: that is no error
    this.#opening ??= this.#reopen().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #reopen(): Promise<BrokerConnection> {
    const connection = await this.#open(this.#closing.signal)
    if (this.#closing.signal.aborted)
      connection.close() // closed while it opened; the fetch on it then rejects
    else this.#connection = connection
    return connection
  }
}
