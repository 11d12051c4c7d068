import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import type { FetchRequest } from '../../shared/kafka/fetch-request.ts'
import type { FetchResponse } from '../../shared/kafka/fetch-response.ts'

export type OpenConnection = (signal: AbortSignal) => Promise<BrokerConnection>

/** One connection to a leader, opened when it is first needed and again when it has ended. One request at a time. */
export class FetchLink {
  readonly #open: OpenConnection
  readonly #closing = new AbortController()
  #connection: BrokerConnection | null = null
  #isBusy = false

  constructor(open: OpenConnection) {
    this.#open = open
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  /** Rejects as the connection does: BROKERS_UNREACHABLE, BROKER_DISCONNECTED, BROKER_REFUSED … */
  async fetch(request: FetchRequest): Promise<FetchResponse> {
    this.#isBusy = true
    try {
      const connection = await this.#connected()
      return await connection.fetch(request)
    } finally {
      this.#isBusy = false
    }
  }

  /** Rejects the request in flight. Idempotent; waits for nothing. */
  close(): void {
    this.#closing.abort()
    this.#connection?.close()
    this.#connection = null
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
