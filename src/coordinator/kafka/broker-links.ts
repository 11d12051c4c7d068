import { formatHostPort, type HostPort } from '../../shared/host-port.ts'
import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import type { OpenConnection } from './open-any.ts'

/** One connection to each broker that something is written to, opened when it is first needed and again when it has ended. */
export class BrokerLinks {
  readonly #open: OpenConnection
  readonly #stop = new AbortController()
  readonly #links = new Map<string, Promise<BrokerConnection>>()

  constructor(open: OpenConnection) {
    this.#open = open
  }

  /** Concurrent callers share what is being opened. Rejects as opening does. */
  to(address: HostPort): Promise<BrokerConnection> {
    const name = formatHostPort(address)
    const known = this.#links.get(name)
    if (known !== undefined) return known
    const link = this.#open(address, this.#stop.signal)
    this.#links.set(name, link)
    void this.#forgetWhenEnded(name, link)
    return link
  }

  /** Rejects what is in flight and ends all connections. Idempotent. */
  close(): void {
    this.#stop.abort() // ends those that are being opened
    for (const link of this.#links.values()) {
      link.then(
        connection => connection.close(),
        () => {}, // it never opened: whoever asked for it has heard
      )
    }
  }

  async #forgetWhenEnded(name: string, link: Promise<BrokerConnection>): Promise<void> {
    await link.then(
      connection => connection.ended,
      () => {}, // as above
    )
    this.#links.delete(name)
  }
}
