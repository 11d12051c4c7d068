import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../../shared/clock.ts'
import { GroupError, isGroupError } from '../../shared/errors.ts'
import type { HostPort } from '../../shared/host-port.ts'
import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import type { CreateTopicAnswer } from '../../shared/kafka/create-topic.ts'
import type { KafkaConnectionOptions } from '../../shared/kafka/connection-options.ts'
import { ERROR_CODE, errorCodeName } from '../../shared/kafka/error-codes.ts'
import type { OffsetTime } from '../../shared/kafka/list-offsets.ts'
import type { ClusterMetadata, PartitionMetadata, TopicMetadata } from '../../shared/kafka/metadata.ts'
import { openBrokerConnection } from '../../shared/kafka/open-broker-connection.ts'
import type { Logger } from '../../shared/logger.ts'
import type { LeaderView } from '../../shared/protocol.ts'
import type { BrokerAddress, Offset, TopicPartition } from '../../shared/types.ts'
import { ControlConnection } from './control-connection.ts'
import { createTopic } from './create-topic.ts'
import { KnownCluster } from './known-cluster.ts'
import { listLeaderOffsets, type LeaderOffset, type LeaderPort } from './leader-offsets.ts'
import { MetadataRefresh } from './metadata-refresh.ts'
import { listOffsetsInTime } from './offsets-in-time.ts'

export interface KafkaClusterOptions {
  readonly connection: KafkaConnectionOptions
  readonly logger: Logger
}

export interface TopicDescription {
  readonly topic: string
  readonly exists: boolean
  /** BROKER_REFUSED if the brokers tell nothing about it, as of a topic that we may not see; else null. */
  readonly refusal: GroupError | null
  /** Tells it from one that is made later under its name; null if it does not exist, or if topics have no ids there. */
  readonly topicId: string | null
  /** By partition number; empty if the topic does not exist, or was refused. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface ListedOffset extends TopicPartition {
  readonly offset: Offset
}

/** A topic that was just created is unknown to some brokers for a moment. */
const NEW_TOPIC_PATIENCE_MS = 1000
const NEW_TOPIC_INTERVAL_MS = 100

/**
 * What the coordinator knows and asks of the Kafka cluster: topics, leaders, offsets. One connection, to any broker;
 * offsets are asked of the leaders over connections that last for the question. Errors of one topic or partition
 * stay with it.
 */
export class KafkaCluster {
  readonly #options: KafkaClusterOptions
  readonly #control: ControlConnection
  readonly #known = new KnownCluster()
  readonly #topics = new Set<string>()
  readonly #stop = new AbortController()
  readonly #refreshing = new MetadataRefresh(() => this.#refresh(), this.#stop.signal)
  readonly #leaders: LeaderPort = {
    leaderOf: partition => this.#known.leaderOf(partition),
    refresh: () => this.refresh(),
    withConnection: (to, signal, use) => this.#withConnection(to, signal, use),
  }

  constructor(options: KafkaClusterOptions) {
    this.#options = options
    this.#control = new ControlConnection(options.connection, options.logger)
  }

  /**
   * Connects to the first of these brokers that answers. Within the connection timeout: BROKERS_UNREACHABLE naming
   * them all, BROKER_REFUSED if the login fails, BROKER_UNSUPPORTED.
   */
  async connect(bootstrap: readonly HostPort[]): Promise<void> {
    await this.#control.connect(bootstrap)
  }

  /**
   * Asks which of these topics exist and how they are divided. One that is unknown is asked for again for a moment:
   * it may be new.
   */
  async describeTopics(
    topics: readonly string[],
    patienceMs: number = NEW_TOPIC_PATIENCE_MS,
  ): Promise<TopicDescription[]> {
    const deadlineMs = monotonicMs() + patienceMs
    for (;;) {
      const metadata = await this.#ask(topics)
      const descriptions = topics.map(topic => describe(topic, metadata.topics))
      if (descriptions.every(isSettled) || monotonicMs() >= deadlineMs) return descriptions
      await this.#orClosed(delay(NEW_TOPIC_INTERVAL_MS, undefined, { signal: this.#stop.signal }))
    }
  }

  /** Asks who leads these topics' partitions now; together with all other topics that were asked for before. */
  async leaderView(topics: readonly string[]): Promise<LeaderView> {
    const hasNew = topics.some(topic => !this.#topics.has(topic))
    for (const topic of topics) this.#topics.add(topic)
    if (hasNew) await this.#refreshing.idle() // the refresh under way does not ask for them
    await this.refresh()
    return this.#known.leaderView(topics)
  }

  /** Who leads these topics' partitions as far as answers so far have told, whatever was asked. */
  knownLeaders(topics: readonly string[]): LeaderView {
    return this.#known.leaderView(topics)
  }

  /** Of a topic that was asked for before, as it was when its last answer came; null if none is known. */
  topicIdOf(topic: string): string | null {
    return this.#known.topicIdOf(topic)
  }

  /** Asks for the leaders of all topics that were asked for before: once for all callers, never in a tight loop. */
  async refresh(): Promise<void> {
    await this.#orClosed(this.#refreshing.run())
  }

  /**
   * Offsets as the partitions' leaders know them. `latest` with `readCommitted` is the end of what is committed. A
   * time means the first record at or after it; if there is none, the end. Stale and missing leaders are waited for
   * up to the request timeout; then, or if a broker refuses one partition, all reject: BROKER_DISCONNECTED, FETCH_REFUSED.
   */
  async listOffsets(
    partitions: readonly TopicPartition[],
    at: OffsetTime,
    readCommitted: boolean,
  ): Promise<ListedOffset[]> {
    for (const { topic } of partitions) this.#topics.add(topic)
    const found = await this.#listLeaderOffsets(partitions, at, readCommitted)
    const listed = found.filter((of): of is ListedOffset => of.offset !== null)
    if (listed.length === found.length) return listed
    const beyondEnd = found.filter(of => of.offset === null)
    return [...listed, ...(await this.listOffsets(beyondEnd, 'latest', readCommitted))]
  }

  /**
   * The same for whoever makes do with what can be had: partitions that a broker refuses, or that have no answer after
   * `patienceMs`, are left out; each cause is logged.
   */
  listOffsetsInTime(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest',
    readCommitted: boolean,
    patienceMs: number,
  ): Promise<ListedOffset[]> {
    for (const { topic } of partitions) this.#topics.add(topic)
    const request = { partitions, at, readCommitted, patienceMs, signal: this.#stop.signal }
    return this.#orClosed(listOffsetsInTime(this.#leaders, request, this.#options.logger))
  }

  /** Who leads a partition as far as answers so far have told. */
  leaderOf(partition: TopicPartition): BrokerAddress | null {
    return this.#known.leaderOf(partition)
  }

  /** Makes a topic as the brokers make them by default. One that is there already will do. BROKER_REFUSED. */
  async createTopic(topic: string): Promise<void> {
    const { brokers } = await this.#ask([])
    const { requestTimeoutMs } = this.#options.connection
    const ask = (broker: BrokerAddress): Promise<CreateTopicAnswer> =>
      this.#withConnection(broker, this.#stop.signal, connection =>
        connection.createTopic(topic, Math.floor(requestTimeoutMs / 2)),
      )
    await this.#orClosed(createTopic(topic, brokers, ask))
  }

  /** Ends the connection; what is asked rejects with NOT_RUNNING. Idempotent. */
  close(): void {
    this.#stop.abort()
    this.#control.close()
  }

  async #refresh(): Promise<void> {
    await this.#ask([...this.#topics])
  }

  async #ask(topics: readonly string[]): Promise<ClusterMetadata> {
    const metadata = await this.#control.ask(connection => completeMetadata(connection, topics))
    this.#known.learn(metadata)
    this.#control.learn(metadata.brokers)
    return metadata
  }

  async #listLeaderOffsets(
    partitions: readonly TopicPartition[],
    at: OffsetTime,
    readCommitted: boolean,
  ): Promise<LeaderOffset[]> {
    const offsets: LeaderOffset[] = []
    const listing = listLeaderOffsets(this.#leaders, {
      partitions,
      at,
      readCommitted,
      timeoutMs: this.#options.connection.requestTimeoutMs,
      signal: this.#stop.signal,
      found: offset => offsets.push(offset),
      failed: error => {
        throw error
      },
    })
    await this.#orClosed(listing)
    return offsets
  }

  async #withConnection<T>(
    to: HostPort,
    signal: AbortSignal,
    use: (connection: BrokerConnection) => Promise<T>,
  ): Promise<T> {
    const control = this.#control.to(to)
    if (control !== null) return use(control)
    const { connection: options, logger } = this.#options
    const connection = await openBrokerConnection({ address: to, options, logger, signal })
    const close = (): void => connection.close()
    signal.addEventListener('abort', close)
    try {
      signal.throwIfAborted() // given up in the turn in which it opened
      return await use(connection)
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  /** Whatever a wait rejects with after `close`, the reason is the closing. */
  async #orClosed<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (!this.#stop.signal.aborted || isGroupError(error, 'NOT_RUNNING')) throw error
      throw new GroupError('NOT_RUNNING', 'the connection to the Kafka cluster was closed', { cause: error })
    }
  }
}

/** A broker that has just started knows no brokers and no topics yet. */
async function completeMetadata(
  connection: BrokerConnection,
  topics: readonly string[],
): Promise<ClusterMetadata> {
  const metadata = await connection.metadata(topics)
  if (metadata.brokers.length > 0) return metadata
  throw new GroupError('BROKER_DISCONNECTED', 'a broker that has just started does not know its cluster yet')
}

function describe(topic: string, found: readonly TopicMetadata[]): TopicDescription {
  const { errorCode, topicId, partitions } = found.find(of => of.topic === topic) ?? {
    errorCode: ERROR_CODE.unknownTopicOrPartition,
    topicId: null,
    partitions: [],
  }
  if (errorCode === ERROR_CODE.none) return { topic, exists: true, refusal: null, topicId, partitions }
  const mayComeTrue: number[] = [ERROR_CODE.unknownTopicOrPartition, ERROR_CODE.leaderNotAvailable]
  const refusal = mayComeTrue.includes(errorCode) ? null : topicRefused(topic, errorCode)
  return { topic, exists: false, refusal, topicId: null, partitions: [] }
}

/** Asking again would change nothing. */
function isSettled({ exists, refusal }: TopicDescription): boolean {
  return exists || refusal !== null
}

function topicRefused(topic: string, errorCode: number): GroupError {
  return new GroupError(
    'BROKER_REFUSED',
    `topic "${topic}" cannot be described: ${errorCodeName(errorCode)}`,
    {
      details: { topic, errorCode },
    },
  )
}
