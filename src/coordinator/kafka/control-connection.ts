import { Backoff } from '../../shared/backoff.ts'
import { GroupError, isGroupError } from '../../shared/errors.ts'
import { formatHostPort, type HostPort } from '../../shared/host-port.ts'
import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import type { KafkaConnectionOptions } from '../../shared/kafka/connection-options.ts'
import { openBrokerConnection } from '../../shared/kafka/open-broker-connection.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import { shuffled } from '../../shared/shuffled.ts'
import { openAny } from './open-any.ts'

/** Broken connections that one question survives. */
const ATTEMPTS = 3
const RETRY = { initialMs: 50, maxMs: 1000 }

/**
 * The coordinator's one connection for what every broker knows. It is opened when a question needs it, to any broker
 * that is known, and again when it has ended.
 */
export class ControlConnection {
  readonly #options: KafkaConnectionOptions
  readonly #logger: Logger
  readonly #stop = new AbortController()
  #bootstrap: readonly HostPort[] = []
  #brokers: readonly HostPort[] = []
  #connection: BrokerConnection | null = null
  #opening: Promise<BrokerConnection> | null = null

  constructor(options: KafkaConnectionOptions, logger: Logger) {
    this.#options = options
    this.#logger = logger
  }

  /** Addresses to begin with, and to fall back on when none of the cluster's own answers. */
  async connect(bootstrap: readonly HostPort[]): Promise<void> {
    this.#bootstrap = bootstrap
    await this.#open()
  }

  /** The cluster's brokers as metadata names them: preferred from now on. */
  learn(brokers: readonly HostPort[]): void {
    this.#brokers = brokers
  }

  /** The open connection if it is to this broker. */
  to(address: HostPort): BrokerConnection | null {
    const isSame =
      this.#connection !== null && formatHostPort(this.#connection.address) === formatHostPort(address)
    return isSame && this.#connection!.isConnected ? this.#connection : null
  }

  /** Puts a question to some broker. One that leaves it unanswered is replaced, a few times. */
  async ask<T>(question: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const backoff = new Backoff(RETRY)
    for (let attempt = 1; ; attempt += 1) {
      const connection = await this.#open()
      try {
        return await question(connection)
      } catch (error) {
        this.#throwIfClosed() // it may have been closed while the question was out
        if (!isGroupError(error) || !error.retryable || attempt === ATTEMPTS) throw error
        this.#logger.debug(
          { err: toLoggable(error), attempt },
          'a broker left a question unanswered; asking another',
        )
      }
      await this.#wait(backoff)
    }
  }

  /** Rejects what is asked and ends the connection. Idempotent. */
  close(): void {
    this.#stop.abort()
    this.#connection?.close()
  }

  #open(): Promise<BrokerConnection> {
    this.#throwIfClosed()
    if (this.#connection?.isConnected === true) return Promise.resolve(this.#connection)
    return (this.#opening ??= this.#reopen().finally(() => {
      this.#opening = null
    }))
  }

  async #reopen(): Promise<BrokerConnection> {
    try {
      this.#connection = await openAny({
        addresses: this.#candidates(),
        open: (address, signal) =>
          openBrokerConnection({ address, options: this.#options, logger: this.#logger, signal }),
        timeoutMs: this.#options.connectionTimeoutMs,
        signal: this.#stop.signal,
      })
    } catch (error) {
      this.#throwIfClosed() // then that is why it failed
      throw error
    }
    if (this.#stop.signal.aborted) this.#connection.close() // closed in the turn in which it opened
    return this.#connection
  }

  /** Each broker once: the cluster's own before the bootstrap ones, in an order that differs from member to member, the one that failed last. */
  #candidates(): HostPort[] {
    const failed = this.#connection === null ? null : formatHostPort(this.#connection.address)
    const byName = new Map(
      [...shuffled(this.#brokers), ...shuffled(this.#bootstrap)].map(of => [formatHostPort(of), of]),
    )
    const rank = (of: HostPort): number => (formatHostPort(of) === failed ? 1 : 0)
    return [...byName.values()].sort((a, b) => rank(a) - rank(b))
  }

  async #wait(backoff: Backoff): Promise<void> {
    try {
      await backoff.wait(this.#stop.signal)
    } catch {
      this.#throwIfClosed() // only the signal ends a wait early
    }
  }

  #throwIfClosed(): void {
    if (!this.#stop.signal.aborted) return
    throw new GroupError('NOT_RUNNING', 'the connection to the Kafka cluster was closed')
  }
}
