import { deferred } from '../deferred.ts'
import { GroupError, isGroupError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { KafkaConnectionOptions } from './connection-options.ts'
import { HardenedRequestQueue } from './hardened-request-queue.ts'
import { Connection, type KafkajsLogger, type KafkajsSocketRequest } from './kafkajs-internals.ts'
import { ResponseFrames } from './response-frames.ts'
import { saslOf } from './sasl.ts'
import { openSocket } from './socket-factory.ts'

/** kafkajs's own connect timer judges before it looks at the socket; the opener has a patient one instead. */
const NEVER_MS = 2 ** 31 - 1

/** `details.reason` of the error when the other side ended the connection. */
export const CLOSED_BY_BROKER = 'closed by the broker'

export interface HardenedConnectionOptions {
  readonly host: string
  readonly port: number
  readonly options: KafkaConnectionOptions
  readonly logger: Logger
}

/**
 * One kafkajs connection over one socket, used once: it opens, and when it has ended it stays closed.
 *
 * A subclass and not a patch of kafkajs: the process may use kafkajs for itself. What it guards against:
 * bytes of a half-received answer that survive into the next socket, and two sockets opened by concurrent first
 * sends (both impossible here); timeouts after a blocked event loop and timers on idle connections (the queue);
 * sockets that die without a word (the socket factory); a disconnect that waits for a long poll (`shut`).
 */
export class HardenedConnection extends Connection {
  readonly #name: string
  readonly #queue: HardenedRequestQueue
  readonly #frames = new ResponseFrames(frame => this.#answered(frame))
  readonly #ended = deferred<GroupError>()
  #opening: Promise<boolean> | null = null
  #endedBy: GroupError | null = null

  constructor({ host, port, options, logger }: HardenedConnectionOptions) {
    const shared = {
      clientId: options.clientId,
      logger: kafkajsLogger(logger),
      requestTimeout: options.requestTimeoutMs,
    }
    super({
      ...shared,
      host,
      port,
      socketFactory: openSocket,
      connectionTimeout: NEVER_MS,
      ssl: options.ssl,
      sasl: saslOf(options, () => this.#ended.promise),
    })
    this.#name = `${host}:${port}`
    this.#queue = new HardenedRequestQueue({
      ...shared,
      broker: this.#name,
      maxInFlightRequests: null,
      enforceRequestTimeout: true,
      isConnected: () => this.isConnected(),
      onTimeout: (request, waitedMs) => this.#timedOut(request, waitedMs),
    })
    this.requestQueue = this.#queue
  }

  /** Why the connection ended; null while it has not. */
  get endedBy(): GroupError | null {
    return this.#endedBy
  }

  /** Resolves with the reason when the connection has ended. */
  get ended(): Promise<GroupError> {
    return this.#ended.promise
  }

  /** Opens the socket; concurrent callers share it. */
  override connect(): Promise<boolean> {
    if (this.#endedBy !== null) return Promise.reject(this.#endedBy)
    return (this.#opening ??= super.connect())
  }

  override processData(chunk: Buffer): void {
    if (this.#endedBy !== null) return // the rest of a stream that was given up
    this.#queue.progressed()
    try {
      this.#frames.push(chunk)
    } catch (error) {
      this.shut(this.#disconnected('sent something that is not an answer', error))
    }
  }

  /** kafkajs calls it when the socket failed or ended while requests were waiting. */
  override rejectRequests(error: Error): void {
    this.shut(this.#disconnected(describe(error), error))
  }

  /** kafkajs calls it when the socket ended. Its own waits for the requests in flight. */
  override disconnect(): Promise<boolean> {
    this.shut(this.#disconnected(CLOSED_BY_BROKER))
    return Promise.resolve(true)
  }

  /** Ends the connection now: requests in flight reject with the reason, the socket is destroyed. Idempotent. */
  shut(reason: GroupError): void {
    if (this.#endedBy !== null) return
    this.#endedBy = reason
    this.connectionStatus = 'disconnected'
    this.#queue.rejectAll(reason)
    this.#queue.destroy()
    this.socket?.destroy()
    this.#ended.resolve(reason)
  }

  #answered(frame: Buffer): void {
    const correlationId = frame.readInt32BE(0)
    if (!this.#queue.inflight.has(correlationId)) {
      throw new GroupError('RESPONSE_CORRUPT', `${this.#name} answered a request that nobody sent`, {
        details: { broker: this.#name, correlationId },
      })
    }
    this.#queue.fulfillRequest({ correlationId, payload: frame.subarray(4), size: frame.length })
  }

  /** An answer that is that late will not come: later ones would queue up behind it on this socket. */
  #timedOut(request: KafkajsSocketRequest, waitedMs: number): void {
    this.shut(this.#disconnected(`no answer to ${request.entry.apiName} within ${Math.round(waitedMs)} ms`))
  }

  #disconnected(what: string, cause?: unknown): GroupError {
    if (isGroupError(cause, 'BROKER_DISCONNECTED')) return cause
    return new GroupError('BROKER_DISCONNECTED', `connection to ${this.#name}: ${what}`, {
      details: { broker: this.#name, reason: what },
      cause,
    })
  }
}

function describe(error: Error & { code?: unknown }): string {
  if (error.name === 'KafkaJSConnectionClosedError') return CLOSED_BY_BROKER
  const message = error.message.trim()
  // a connection that was refused on several addresses has an empty message: the code tells
  return typeof error.code === 'string' && !message.includes(error.code)
    ? `${message} ${error.code}`
    : message
}

/** kafkajs logs what it also throws: for us a detail. Its debug lines would cost an object per request. */
function kafkajsLogger(logger: Logger): KafkajsLogger {
  const tell = (message: string, extra: object = {}): void => logger.debug(extra, `kafkajs: ${message}`)
  const adapter: KafkajsLogger = {
    namespace: () => adapter,
    debug() {},
    info: tell,
    warn: tell,
    error: tell,
  }
  return adapter
}
