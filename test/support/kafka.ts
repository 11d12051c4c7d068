import { randomUUID } from 'node:crypto'
import {
  Kafka,
  logLevel,
  Partitioners,
  type Admin,
  type ITopicMetadata,
  type Message,
  type Producer,
} from 'kafkajs'
import { atEnd, type Owner } from './cleanup.ts'
import { eventually } from './eventually.ts'
import { sharedStack } from './stack.ts'

export interface TopicOptions {
  /** @defaultValue 1 */
  readonly partitions?: number
  /** @defaultValue 1 */
  readonly replicationFactor?: number
  /** Topic settings, e.g. `cleanup.policy`. */
  readonly config?: Readonly<Record<string, string>>
  /** @defaultValue the shared stack's */
  readonly brokers?: readonly string[]
}

export interface ProduceOptions {
  /** 1: the leader has it; -1: every replica in sync. @defaultValue -1 */
  readonly acks?: 1 | -1
  /** @defaultValue the shared stack's */
  readonly brokers?: readonly string[]
}

/** A request stays below the broker's limit for one batch even when all of it goes to one partition. */
const MAX_REQUEST_BYTES = 900_000
const RECORD_OVERHEAD_BYTES = 32
const NAME_LENGTH = 40
/** Hundreds of partitions take their time on a machine that has other work. */
const CREATE_TIMEOUT_MS = 25_000

export function uniqueGroup(): string {
  return `group-${randomUUID().slice(0, 8)}`
}

/** It is the group of a test. */
export function isUniqueGroup(groupId: string): boolean {
  return /^group-[0-9a-f]{8}$/.test(groupId)
}

/** Creates a topic, known to all brokers, under a new name that starts like the test's. It goes with the stack. */
export async function createTopic(
  test: { readonly name: string },
  options: TopicOptions = {},
): Promise<string> {
  const brokers = options.brokers ?? sharedStack().brokers
  const topic = `${legalStart(test.name)}-${randomUUID().slice(0, 8)}`
  await withAdmin(brokers, admin =>
    admin.createTopics({
      waitForLeaders: true,
      timeout: CREATE_TIMEOUT_MS,
      topics: [
        {
          topic,
          numPartitions: options.partitions ?? 1,
          replicationFactor: options.replicationFactor ?? 1,
          configEntries: Object.entries(options.config ?? {}).map(([name, value]) => ({ name, value })),
        },
      ],
    }),
  )
  for (const broker of brokers) await knowsTopic(broker, topic, options.partitions ?? 1)
  return topic
}

/** Deletes a topic, and waits until no broker knows it any more. */
export async function deleteTopic(topic: string, brokers = sharedStack().brokers): Promise<void> {
  await withAdmin(brokers, admin => admin.deleteTopics({ topics: [topic] }))
  for (const broker of brokers) await knowsTopic(broker, topic, 0)
}

/** Creates a topic under a name that was free before or has become free, known to all brokers. */
export async function createTopicNamed(
  topic: string,
  partitions: number,
  brokers = sharedStack().brokers,
): Promise<void> {
  const request = { waitForLeaders: true, topics: [{ topic, numPartitions: partitions }] }
  // A topic that is being deleted is gone from the brokers before its name is free.
  await withAdmin(brokers, admin =>
    eventually(() => admin.createTopics(request).catch(() => false), { message: `created ${topic}` }),
  )
  for (const broker of brokers) await knowsTopic(broker, topic, partitions)
}

/** Another topic under the same name. */
export async function recreateTopic(topic: string, partitions = 1): Promise<void> {
  await deleteTopic(topic)
  await createTopicNamed(topic, partitions)
}

function legalStart(name: string): string {
  return name.slice(0, NAME_LENGTH).replaceAll(/[^a-zA-Z0-9]+/g, '-')
}

/** Brokers learn of a topic one after the other. */
async function knowsTopic(broker: string, topic: string, partitions: number): Promise<void> {
  await withAdmin([broker], admin =>
    eventually(async () => (await leadersOf(admin, topic)) === partitions, {
      message: `${broker} knows topic ${topic}`,
    }),
  )
}

async function leadersOf(admin: Admin, topic: string): Promise<number> {
  const none: { topics: ITopicMetadata[] } = { topics: [] }
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => none) // it does not know it yet
  return topics[0]?.partitions.filter(partition => partition.leader >= 0).length ?? 0
}

/** Writes the messages in as few requests as the broker allows, in their order. */
export async function produce(
  topic: string,
  messages: Iterable<Message>,
  options: ProduceOptions = {},
): Promise<void> {
  const producer = await newProducer(options.brokers ?? sharedStack().brokers)
  try {
    for (const chunk of chunked(messages))
      await producer.send({ topic, messages: chunk, acks: options.acks ?? -1 })
  } finally {
    await producer.disconnect()
  }
}

/** `count` records with keys `key-0` … spread over the partitions, and values that tell their number. */
export async function produceKeyed(
  topic: string,
  count: number,
  options: ProduceOptions = {},
): Promise<void> {
  await produce(topic, keyedMessages(count), options)
}

const DISTINCT_KEYS = 1000

function* keyedMessages(count: number): Generator<Message> {
  for (let number = 0; number < count; number++)
    yield { key: `key-${number % DISTINCT_KEYS}`, value: `value ${number}` }
}

/** A producer that is connected already, for tests that measure time; it is closed when the test is over. */
export async function openProducer(owner: Owner, brokers = sharedStack().brokers): Promise<Producer> {
  const producer = await newProducer(brokers)
  atEnd(owner, () => producer.disconnect())
  return producer
}

/** The next offset to be written, by partition. */
export async function endOffsets(topic: string, brokers = sharedStack().brokers): Promise<number[]> {
  const found = await withAdmin(brokers, admin => admin.fetchTopicOffsets(topic))
  const offsets: number[] = []
  for (const { partition, high } of found) offsets[partition] = Number(high)
  return offsets
}

/** Runs `use` with a connected admin client. */
export async function withAdmin<T>(
  brokers: readonly string[],
  use: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = client(brokers).admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

async function newProducer(brokers: readonly string[]): Promise<Producer> {
  const producer = client(brokers).producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  return producer
}

function client(brokers: readonly string[]): Kafka {
  return new Kafka({ clientId: 'test', brokers: [...brokers], logLevel: logLevel.NOTHING })
}

function* chunked(messages: Iterable<Message>): Generator<Message[]> {
  let chunk: Message[] = []
  let bytes = 0
  for (const message of messages) {
    const size = RECORD_OVERHEAD_BYTES + sizeOf(message.key) + sizeOf(message.value) + headerBytes(message)
    if (bytes + size > MAX_REQUEST_BYTES && chunk.length > 0) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(message)
    bytes += size
  }
  if (chunk.length > 0) yield chunk
}

function sizeOf(value: Buffer | string | null | undefined): number {
  return value === null || value === undefined ? 0 : Buffer.byteLength(value)
}

function headerBytes(message: Message): number {
  const values = Object.entries(message.headers ?? {}).flatMap(([name, value]) => [name, value].flat())
  return values.reduce((sum: number, value) => sum + sizeOf(value), 0)
}
