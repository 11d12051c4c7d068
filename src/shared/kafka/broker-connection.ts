import { GroupError, isGroupError, messageOf } from '../errors.ts'
import { formatHostPort, type HostPort } from '../host-port.ts'
import type { Logger } from '../logger.ts'
import { chooseVersion, KNOWN_APIS, type ApiVersions, type KnownApi } from './api-versions.ts'
import type { KafkaConnectionOptions } from './connection-options.ts'
import { createTopicExchange, type CreateTopicAnswer } from './create-topic.ts'
import { fetchExchange, type FetchRequest } from './fetch-request.ts'
import type { FetchResponse } from './fetch-response.ts'
import type { HardenedConnection } from './hardened-connection.ts'
import { initProducerIdExchange, type ProducerIdAnswer } from './init-producer-id.ts'
import type { KafkajsExchange } from './kafkajs-internals.ts'
import { listOffsetsExchange, type ListOffsetsRequest, type PartitionOffset } from './list-offsets.ts'
import { metadataExchange, type ClusterMetadata } from './metadata.ts'
import { produceExchange, type ProduceAnswer, type ProduceRequest } from './produce.ts'

/**
 * One socket to one broker, from the moment it may be asked until it ends; it is not opened again. Calls reject with
 * BROKER_DISCONNECTED when it has ended or ends before the answer, RESPONSE_CORRUPT if the answer cannot be read
 * (the connection then ends), BROKER_UNSUPPORTED if the broker does not speak the request. Error codes inside
 * answers are data: they reject nothing.
 *
 * A broker serves the requests of a connection one after the other: a long poll holds up what is sent behind it.
 */
export interface BrokerConnection {
  readonly address: HostPort
  readonly versions: ApiVersions
  readonly isConnected: boolean
  /** Resolves with the reason once the connection has ended, however it did. Never rejects. */
  readonly ended: Promise<GroupError>
  fetch(request: FetchRequest): Promise<FetchResponse>
  metadata(topics: readonly string[]): Promise<ClusterMetadata>
  listOffsets(request: ListOffsetsRequest): Promise<PartitionOffset[]>
  /** The id of a new idempotent producer. */
  initProducerId(): Promise<ProducerIdAnswer>
  /** Answers when every replica in sync has it. */
  produce(request: ProduceRequest): Promise<ProduceAnswer>
  /** As the brokers make topics by default. */
  createTopic(topic: string, timeoutMs: number): Promise<CreateTopicAnswer>
  /** Rejects what is in flight at once and destroys the socket. Idempotent; waits for nothing. */
  close(): void
}

/** What `openBrokerConnection` returns; made there only, on a connection that is open. */
export class KafkaBrokerConnection implements BrokerConnection {
  readonly address: HostPort
  readonly versions: ApiVersions
  readonly #connection: HardenedConnection
  readonly #options: KafkaConnectionOptions
  readonly #logger: Logger

  constructor(
    connection: HardenedConnection,
    open: { address: HostPort; versions: ApiVersions; options: KafkaConnectionOptions; logger: Logger },
  ) {
    this.#connection = connection
    this.address = open.address
    this.versions = open.versions
    this.#options = open.options
    this.#logger = open.logger
  }

  get isConnected(): boolean {
    return this.#connection.endedBy === null
  }

  get ended(): Promise<GroupError> {
    return this.#connection.ended
  }

  fetch(request: FetchRequest): Promise<FetchResponse> {
    return this.#send(() =>
      fetchExchange(request, this.#version(KNOWN_APIS.fetch), this.#options.requestTimeoutMs),
    )
  }

  metadata(topics: readonly string[]): Promise<ClusterMetadata> {
    return this.#send(() => metadataExchange(topics, this.#version(KNOWN_APIS.metadata)))
  }

  listOffsets(request: ListOffsetsRequest): Promise<PartitionOffset[]> {
    return this.#send(() => listOffsetsExchange(request, this.#version(KNOWN_APIS.listOffsets)))
  }

  initProducerId(): Promise<ProducerIdAnswer> {
    return this.#send(() => initProducerIdExchange(this.#version(KNOWN_APIS.initProducerId)))
  }

  produce(request: ProduceRequest): Promise<ProduceAnswer> {
    return this.#send(() => produceExchange(request, this.#version(KNOWN_APIS.produce)))
  }

  createTopic(topic: string, timeoutMs: number): Promise<CreateTopicAnswer> {
    return this.#send(() => createTopicExchange(topic, timeoutMs, this.#version(KNOWN_APIS.createTopics)))
  }

  close(): void {
    this.#connection.shut(
      new GroupError(
        'BROKER_DISCONNECTED',
        `connection to ${formatHostPort(this.address)}: closed on our side`,
        {
          details: { broker: formatHostPort(this.address) },
        },
      ),
    )
  }

  #version(api: KnownApi): number {
    return chooseVersion(api, this.versions, formatHostPort(this.address))
  }

  async #send<Decoded, Answer>(exchange: () => KafkajsExchange<Decoded, Answer>): Promise<Answer> {
    try {
      return await this.#connection.send(exchange())
    } catch (thrown) {
      throw this.#explained(thrown)
    }
  }

  /** Why a request failed: the version, the end of the connection, or an answer that could not be read. */
  #explained(thrown: unknown): GroupError {
    if (isGroupError(thrown, 'BROKER_UNSUPPORTED')) return thrown
    const broker = formatHostPort(this.address)
    if (this.#connection.endedBy !== null) return this.#connection.endedBy
    const corrupt = isGroupError(thrown, 'RESPONSE_CORRUPT')
      ? thrown
      : new GroupError('RESPONSE_CORRUPT', `the answer of ${broker}: ${messageOf(thrown)}`, {
          details: { broker },
          cause: thrown,
        })
    this.#logger.debug({ broker, err: corrupt }, 'closing a connection whose answer cannot be read')
    this.#connection.shut(
      new GroupError('BROKER_DISCONNECTED', `connection to ${broker}: ${corrupt.message}`, {
        details: { broker },
        cause: corrupt,
      }),
    )
    return corrupt
  }
}
