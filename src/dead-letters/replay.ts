import { withoutOwnHeaders } from '../coordinator/dead-letters/letter-format.ts'
import { LetterQueue } from '../coordinator/dead-letters/letter-queue.ts'
import { PartitionProducer } from '../coordinator/kafka/partition-producer.ts'
import type { ResolvedDeadLetterSearch } from '../options/dead-letter-search.ts'
import { wallMs } from '../shared/clock.ts'
import { GroupError, isGroupError } from '../shared/errors.ts'
import type { OutgoingRecord } from '../shared/kafka/record-batch.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { Logger } from '../shared/logger.ts'
import { partitionName, type TopicPartition } from '../shared/types.ts'
import { findLetter, findLetters } from './find-letters.ts'
import type { LetterFacts, StoredLetter, StoredRecord } from './letter.ts'
import type { TopicVisit } from './visit-topic.ts'

/** What became of one of the chosen messages. */
export interface ReplayedLetter {
  readonly letter: StoredLetter
  /** `would-replay`: of a dry run. `no-letter`: it does not say where it comes from, and stays where it is. */
  readonly outcome: 'replayed' | 'would-replay' | 'no-letter' | 'failed'
  /** Of one that failed. */
  readonly error: GroupError | null
}

/** Says in a record of the origin topic which letter it was: `<topic>/<partition>/<offset>`. */
export const REPLAYED_FROM = 'x-kwg-replayed-from'

const GIVE_UP_AFTER_MS = 60_000

/**
 * Writes letters to the partitions that they come from: key, value, timestamp and headers as they were, and where they
 * lay. They stay in the dead-letter topic: nothing can be taken out of a log. Yields what was done as soon as it is done.
 * A letter that fails by itself (its origin is gone, the broker does not take it) keeps no other from its turn; brokers
 * that are out of reach end it: BROKER_DISCONNECTED.
 */
export async function* replayLetters(
  visit: TopicVisit,
  search: ResolvedDeadLetterSearch,
  isDryRun: boolean,
  logger: Logger,
): AsyncGenerator<readonly ReplayedLetter[]> {
  const origins = new Origins(visit, search.kafka.connection.requestTimeoutMs, logger)
  for await (const letters of chosen(visit, search)) {
    // Side by side, so that what goes to one partition goes together; each queue keeps the order.
    const replayed = await Promise.all(letters.map(letter => replay(letter, search.topic, origins, isDryRun)))
    yield replayed
    const outOfReach = replayed.find(({ error }) => error?.retryable === true)
    if (outOfReach !== undefined) throw outOfReach.error!
  }
}

async function* chosen(
  visit: TopicVisit,
  search: ResolvedDeadLetterSearch,
): AsyncGenerator<readonly StoredLetter[]> {
  if (search.letters === null) yield* findLetters(visit, search)
  else for (const position of search.letters) yield [await findLetter(visit, search.topic, position)]
}

/** Rejects only on a defect of ours. */
async function replay(
  letter: StoredLetter,
  topic: string,
  origins: Origins,
  isDryRun: boolean,
): Promise<ReplayedLetter> {
  const { record, facts } = letter
  if (facts === null) return { letter, outcome: 'no-letter', error: null }
  try {
    const queue = await origins.queueFor(facts)
    if (isDryRun) return { letter, outcome: 'would-replay', error: null }
    await queue.add(originalRecord(record, facts, topic))
    return { letter, outcome: 'replayed', error: null }
  } catch (error) {
    if (!isGroupError(error)) throw error
    return { letter, outcome: 'failed', error }
  }
}

/** The oldest records have no time. */
function originalRecord(record: StoredRecord, facts: LetterFacts, topic: string): OutgoingRecord {
  const { key, value, headers, partition, offset } = record
  return {
    timestamp: facts.timestamp ?? wallMs(),
    key,
    value,
    headers: [
      ...withoutOwnHeaders(headers),
      [REPLAYED_FROM, Buffer.from(`${partitionName({ topic, partition })}/${offset}`)],
    ],
  }
}

/** One queue for each partition that letters go back to. */
class Origins {
  readonly #visit: TopicVisit
  readonly #requestTimeoutMs: number
  readonly #logger: Logger
  readonly #queues = new Map<string, Promise<LetterQueue>>()
  readonly #never = new AbortController()

  constructor(visit: TopicVisit, requestTimeoutMs: number, logger: Logger) {
    this.#visit = visit
    this.#requestTimeoutMs = requestTimeoutMs
    this.#logger = logger
  }

  queueFor({ topic, partition }: TopicPartition): Promise<LetterQueue> {
    const name = partitionName({ topic, partition })
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const queue = this.#create({ topic, partition })
    this.#queues.set(name, queue)
    return queue
  }

  async #create(to: TopicPartition): Promise<LetterQueue> {
    const { partitions } = await this.#visit.findTopic(to.topic)
    if (!partitions.some(({ partition }) => partition === to.partition))
      throw originGone(to, partitions.length)
    return new LetterQueue(this.#createProducer(to), this.#never.signal)
  }

  #createProducer(to: TopicPartition): PartitionProducer {
    return new PartitionProducer({
      to,
      port: this.#visit.port,
      giveUpAfterMs: GIVE_UP_AFTER_MS,
      requestTimeoutMs: this.#requestTimeoutMs,
      troubled: cause => this.#logger.warn({ ...to, err: toLoggable(cause) }, 'cannot write at the moment'),
    })
  }
}

function originGone({ topic, partition }: TopicPartition, count: number): GroupError {
  return new GroupError(
    'PARTITION_NOT_FOUND',
    `topic "${topic}", where a letter comes from, has no partition ${partition}: it has 0 to ${count - 1}`,
    { details: { topic, partition } },
  )
}
