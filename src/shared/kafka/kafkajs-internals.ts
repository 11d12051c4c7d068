import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import KafkajsConnectionClass from 'kafkajs/src/network/connection.js'
import KafkajsRequestQueueClass from 'kafkajs/src/network/requestQueue/index.js'
import KafkajsEncoderClass from 'kafkajs/src/protocol/encoder.js'
import ApiVersions from 'kafkajs/src/protocol/requests/apiVersions/index.js'
import Fetch from 'kafkajs/src/protocol/requests/fetch/index.js'
import ListOffsets from 'kafkajs/src/protocol/requests/listOffsets/index.js'
import Metadata from 'kafkajs/src/protocol/requests/metadata/index.js'
import { assertKnownVersion } from '../known-version.ts'

/**
 * The parts of kafkajs below its public surface that this package stands on, with types for what is used of them.
 * kafkajs is CommonJS and declares no types for these files. They are imported, not required, so that the bundler of the
 * threads sees them; and of its APIs only those in use, for a thread waits until it has compiled what it is made of.
 */

const KNOWN_VERSION = '2.2.4'

export interface KafkajsLogger {
  namespace(name: string): KafkajsLogger
  debug(message: string, extra?: object): void
  info(message: string, extra?: object): void
  warn(message: string, extra?: object): void
  error(message: string, extra?: object): void
}

export interface KafkajsEncoder {
  writeInt8(value: number): this
  writeInt16(value: number): this
  writeInt32(value: number): this
  writeInt64(value: string): this
  writeBoolean(value: boolean): this
  writeString(value: string | null): this
  writeArray(values: readonly (string | number | KafkajsEncoder)[]): this
  writeUVarInt(value: number): this
  writeUVarIntString(value: string | null): this
  writeBuffer(value: Buffer): this
  readonly buffer: Buffer
}

export interface KafkajsRequest {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  encode(): Promise<KafkajsEncoder>
}

/** A request with the way to read its answer: what `Connection.send` takes. */
export interface KafkajsExchange<Decoded, Answer = Decoded> {
  readonly request: KafkajsRequest
  readonly response: {
    /** A `clientSideThrottleTime` in what it returns is waited for before the next request (KIP-219). */
    readonly decode: (payload: Buffer) => Promise<Decoded>
    readonly parse: (decoded: Decoded) => Promise<Answer>
  }
  /** Milliseconds; only ever raises the connection's own. */
  readonly requestTimeout?: number
  readonly logResponseError?: boolean
}

export interface KafkajsSocketRequest {
  readonly correlationId: number
  readonly requestTimeout: number
  readonly entry: { readonly apiName: string }
}

export interface KafkajsRequestQueue {
  readonly inflight: Map<number, KafkajsSocketRequest>
  readonly pending: KafkajsSocketRequest[]
  scheduleRequestTimeoutCheck(): void
  maybeThrottle(clientSideThrottleTime: number | null | undefined): void
  sendSocketRequest(request: KafkajsSocketRequest): void
  fulfillRequest(answer: { correlationId: number; payload: Buffer; size: number }): void
  rejectAll(error: Error): void
  canSendSocketRequestImmediately(): boolean
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
  destroy(): void
}

export interface KafkajsRequestQueueOptions {
  readonly maxInFlightRequests: number | null
  readonly requestTimeout: number
  readonly enforceRequestTimeout: boolean
  readonly clientId: string
  readonly broker: string
  readonly logger: KafkajsLogger
  readonly isConnected: () => boolean
}

export interface SocketRequest {
  readonly host: string
  readonly port: number
  readonly ssl: object | boolean | null
  readonly onConnect: () => void
}

export interface KafkajsConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly logger: KafkajsLogger
  readonly socketFactory: (request: SocketRequest) => Socket
  readonly requestTimeout: number
  readonly connectionTimeout: number
  readonly ssl: object | boolean | null
  readonly sasl: object | null
}

export interface KafkajsConnection {
  connectionStatus: 'connected' | 'disconnecting' | 'disconnected'
  requestQueue: KafkajsRequestQueue
  /** Unset until `connect`. */
  socket?: Socket
  connect(): Promise<boolean>
  disconnect(): Promise<boolean>
  isConnected(): boolean
  /** Runs SASL if it is configured and due. */
  authenticate(): Promise<void>
  setVersions(versions: object): void
  setSupportAuthenticationProtocol(supported: boolean): void
  send<Decoded, Answer>(exchange: KafkajsExchange<Decoded, Answer>): Promise<Answer>
  processData(chunk: Buffer): void
  rejectRequests(error: Error): void
}

/** Makes an exchange of a given version; what it takes differs from API to API. */
interface KafkajsApi<Args, Decoded> {
  protocol(of: { version: number }): (args: Args) => KafkajsExchange<Decoded>
}

export interface KafkajsFetchArgs {
  readonly isolationLevel: number
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly rackId: string
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly fetchOffset: string
      readonly maxBytes: number
    }[]
  }[]
}

export interface KafkajsListOffsetsArgs {
  readonly isolationLevel: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly { readonly partition: number; readonly timestamp: string }[]
  }[]
}

export interface KafkajsListedOffsets {
  readonly clientSideThrottleTime?: number
  readonly responses: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly errorCode: number
      readonly offset: string
    }[]
  }[]
}

export interface KafkajsMetadata {
  readonly clientSideThrottleTime?: number
  readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[]
  readonly topicMetadata: readonly {
    readonly topic: string
    readonly topicErrorCode: number
    readonly partitionMetadata: readonly {
      readonly partitionId: number
      readonly partitionErrorCode: number
      readonly leader: number
    }[]
  }[]
}

export interface KafkajsApiVersions {
  readonly apiVersions: readonly {
    readonly apiKey: number
    readonly minVersion: number
    readonly maxVersion: number
  }[]
}

interface KafkajsApis {
  readonly Fetch: KafkajsApi<KafkajsFetchArgs, unknown>
  readonly ListOffsets: KafkajsApi<KafkajsListOffsetsArgs, KafkajsListedOffsets>
  readonly Metadata: KafkajsApi<{ topics: readonly string[] }, KafkajsMetadata>
  readonly ApiVersions: KafkajsApi<void, KafkajsApiVersions>
}

export function assertKnownKafkajs(version: string): void {
  assertKnownVersion('kafkajs', version, KNOWN_VERSION)
}

const installed = createRequire(import.meta.url)('kafkajs/package.json') as { version: string }

assertKnownKafkajs(installed.version)

export const Connection = KafkajsConnectionClass as new (
  options: KafkajsConnectionOptions,
) => KafkajsConnection

export const RequestQueue = KafkajsRequestQueueClass as new (
  options: KafkajsRequestQueueOptions,
) => KafkajsRequestQueue

export const Encoder = KafkajsEncoderClass as new () => KafkajsEncoder

export const apis = { ApiVersions, Fetch, ListOffsets, Metadata } as KafkajsApis
