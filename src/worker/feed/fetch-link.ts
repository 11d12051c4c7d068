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
/** What an answer may take beyond its wait before nobody else waits for it. */
const OVERDUE_MS = 30

/** One connection to a leader, opened when it is first needed and again when it has ended. One request at a time. */
export class FetchLink {
  readonly waitMs: number
  readonly #open: OpenConnection
  readonly #changed: () => void
  readonly #closing = new AbortController()
  readonly #reconnect = new Backoff(RECONNECT)
  readonly #early = new Backoff(EARLY)
  #connection: BrokerConnection | null = null
  #state: LinkState = 'ready'
  #sentAtMs = 0
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

  /** Rejects as the connection does: BROKERS_UNREACHABLE, BROKER_DISCONNECTED, BROKER_REFUSED … */
  async fetch(request: FetchRequest): Promise<FetchResponse> {
    this.#sentAtMs = monotonicMs()
    this.#become('out', 'overdue', this.waitMs + OVERDUE_MS)
    try {
      const connection = await this.#connected()
      return await connection.fetch(request)
    } finally {
      this.#become('ready')
    }
  }

  /** What became of the last request. Pauses when it failed, or when its answer came early although it held nothing. */
  settle(outcome: 'useful' | 'nothing' | 'failed'): void {
    if (outcome === 'failed') {
      this.#become('pausing', 'ready', this.#reconnect.nextDelayMs())
      return
    }
    this.#reconnect.reset()
    const isEarly = monotonicMs() - this.#sentAtMs < this.waitMs / 2
    if (outcome === 'useful' || !isEarly) this.#early.reset()
    else this.#become('pausing', 'ready', this.#early.nextDelayMs())
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

  async #connected(): Promise<BrokerConnection> {
    if (this.#connection?.isConnected === true) return this.#connection // brokers end idle connections: that is no error
    const connection = await this.#open(this.#closing.signal)
    if (this.#closing.signal.aborted)
      connection.close() // closed while it opened; the fetch on it then rejects
    else this.#connection = connection
    return connection
  }
}
