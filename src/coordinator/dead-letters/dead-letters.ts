import { GroupError, isGroupError, messageOf } from '../../shared/errors.ts'
import type { KafkaConnectionOptions } from '../../shared/kafka/connection-options.ts'
import { ERROR_CODE, errorCodeName } from '../../shared/kafka/error-codes.ts'
import { openBrokerConnection } from '../../shared/kafka/open-broker-connection.ts'
import { toLoggable } from '../../shared/loggable-error.ts'
import { wallMs } from '../../shared/clock.ts'
import type { Logger } from '../../shared/logger.ts'
import type { DeadLetter } from '../../shared/protocol.ts'
import { partitionName, type TopicPartition } from '../../shared/types.ts'
import { BrokerLinks } from '../kafka/broker-links.ts'
import type { KafkaCluster } from '../kafka/cluster.ts'
import { PartitionProducer, type ProducerPort } from '../kafka/partition-producer.ts'
import { ensureDeadLetterTopic, unavailable } from './dead-letter-topic.ts'
import { encodeLetter } from './letter-format.ts'
import { LetterQueue } from './letter-queue.ts'
import { SentLetters } from './sent-letters.ts'

export interface DeadLettersOptions {
  readonly topic: string
  readonly groupId: string
  readonly memberId: string
  readonly connection: KafkaConnectionOptions
  readonly logger: Logger
  /**
   * How long a partition of the topic may be out of reach before what waits for it fails, in milliseconds.
   * @defaultValue a minute: a broker that restarts is back by then, and a leader elected
   */
  readonly giveUpAfterMs?: number
}

const GIVE_UP_AFTER_MS = 60_000

export type LetterCluster = Pick<
  KafkaCluster,
  'describeTopics' | 'createTopic' | 'leaderView' | 'knownLeaders' | 'leaderOf' | 'refresh'
>

/**
 * Writes the records that a member gives up to the dead-letter topic. On the coordinator, so that a letter on its way
 * survives the thread that gave it up. Never loses a letter; may write one twice, when an answer was lost and with it the
 * connection to all who know, or when the member dies before it has committed.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions
  readonly #cluster: LetterCluster
  readonly #links: BrokerLinks
  readonly #stop = new AbortController()
  readonly #queues = new Map<number, LetterQueue>()
  readonly #sentLetters = new SentLetters()

  constructor(options: DeadLettersOptions, cluster: LetterCluster) {
    const { connection, logger } = options
    this.#options = options
    this.#cluster = cluster
    this.#links = new BrokerLinks((address, signal) =>
      openBrokerConnection({ address, options: connection, logger, signal }),
    )
  }

  /** Makes sure that the topic is there and, as far as brokers tell, may be written. DEAD_LETTER_TOPIC_UNAVAILABLE. */
  async start(): Promise<void> {
    const { topic } = this.#options
    await ensureDeadLetterTopic(this.#cluster, topic)
    await this.#cluster.leaderView([topic]) // from now on refreshes ask for it, too
    await this.#checkRights()
  }

  /**
   * Resolves when every replica in sync has the letter. DEAD_LETTER_FAILED: the brokers do not take it, or could not be
   * reached for too long. NOT_RUNNING: the member stops; the letter may be written or not. Asked again under the same claim,
   * by a thread that came after the one that asked first, it is the same letter.
   */
  send(letter: DeadLetter): Promise<void> {
    return this.#sentLetters.once(letter, () => this.#send(letter))
  }

  /** A claim of the partition is over: what was asked for under it is not asked for again. */
  forget(partition: TopicPartition): void {
    this.#sentLetters.forget(partition)
  }

  async #send(letter: DeadLetter): Promise<void> {
    if (this.#stop.signal.aborted) throw this.#stop.signal.reason as Error
    const { topic, groupId, memberId } = this.#options
    try {
      const record = encodeLetter(letter, { groupId, memberId }, wallMs())
      await this.#queueFor(letter.lane.partition).add(record)
    } catch (error) {
      if (isGroupError(error, 'NOT_RUNNING')) throw error
      throw failed(letter, topic, error)
    }
  }

  /** What waits rejects; connections end. Idempotent, waits for nothing. */
  stop(): void {
    this.#stop.abort(
      new GroupError(
        'NOT_RUNNING',
        'the member stops: the dead letter is left to whoever has the partition next',
      ),
    )
    this.#links.close()
  }

  /** Who may write nowhere is told so at the start. Whether it may write to this very topic shows with the first letter. */
  async #checkRights(): Promise<void> {
    const { topic, logger } = this.#options
    const leader = this.#cluster.leaderOf({ topic, partition: 0 })
    if (leader === null) return
    try {
      const connection = await this.#links.to(leader)
      const { errorCode } = await connection.initProducerId()
      if (errorCode === ERROR_CODE.clusterAuthorizationFailed)
        throw unavailable(topic, `this client may not write: ${errorCodeName(errorCode)}`)
    } catch (error) {
      this.#stop.signal.throwIfAborted()
      if (!isGroupError(error) || !error.retryable) throw error
      logger.debug({ topic, err: toLoggable(error) }, 'no broker says whether dead letters may be written')
    }
  }

  /** Letters of one source partition keep their order: they all go to the same one, as long as the topic has as many. */
  #queueFor(sourcePartition: number): LetterQueue {
    const { topic } = this.#options
    const partitions = this.#cluster.knownLeaders([topic]).leaders[topic]!.length
    if (partitions === 0) throw new GroupError('INTERNAL', 'a dead letter came before its topic was checked')
    const partition = sourcePartition % partitions
    const known = this.#queues.get(partition)
    if (known !== undefined) return known
    const queue = new LetterQueue(this.#createProducer(partition), this.#stop.signal)
    this.#queues.set(partition, queue)
    return queue
  }

  #createProducer(partition: number): PartitionProducer {
    const { topic, connection, logger, giveUpAfterMs = GIVE_UP_AFTER_MS } = this.#options
    const to = { topic, partition }
    return new PartitionProducer({
      to,
      port: this.#port(),
      giveUpAfterMs,
      requestTimeoutMs: connection.requestTimeoutMs,
      troubled: cause =>
        logger.warn({ ...to, err: toLoggable(cause) }, 'dead letters cannot be written at the moment'),
    })
  }

  #port(): ProducerPort {
    return {
      leaderOf: partition => this.#cluster.leaderOf(partition),
      refresh: () => this.#cluster.refresh(),
      connectionTo: address => this.#links.to(address),
    }
  }
}

function failed(
  { lane, offset, attempts, threadId }: DeadLetter,
  deadLetterTopic: string,
  cause: unknown,
): GroupError {
  const { topic, partition } = lane
  return new GroupError(
    'DEAD_LETTER_FAILED',
    `the record at offset ${offset} of ${partitionName(lane)} could not be written to dead-letter topic "${deadLetterTopic}", and its partition stops there: ${messageOf(cause)}`,
    { details: { topic, partition, offset, attempts, threadId, deadLetterTopic }, cause },
  )
}
