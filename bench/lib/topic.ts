import { randomBytes } from 'node:crypto'
import kafkajs from 'kafkajs'

export interface TopicSize {
  readonly topic: string
  readonly partitions: number
  readonly records: number
  readonly valueBytes: number
  /** Of each record of a partition by its number there, from 0. @defaultValue none */
  readonly keyOf?: (number: number) => string
}

const BYTES_PER_REQUEST = 900_000
const REQUESTS_AT_ONCE = 4

/** Creates a topic and fills it evenly with uncompressed records of random bytes. */
export async function createFilledTopic(brokers: readonly string[], size: TopicSize): Promise<void> {
  const kafka = new kafkajs.Kafka({
    clientId: 'bench',
    brokers: [...brokers],
    logLevel: kafkajs.logLevel.ERROR,
  })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: [{ topic: size.topic, numPartitions: size.partitions, replicationFactor: 1 }],
    waitForLeaders: true,
  })
  await admin.disconnect()
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  const perRequest = Math.max(1, Math.floor(BYTES_PER_REQUEST / (size.valueBytes + 20)))
  const perPartition = size.records / size.partitions
  let next = 0
  const sendAll = async (): Promise<void> => {
    while (next < size.partitions) {
      const partition = next++
      for (let sent = 0; sent < perPartition; sent += perRequest) {
        const value = randomBytes(size.valueBytes)
        const messages = Array.from({ length: Math.min(perRequest, perPartition - sent) }, (_, index) => ({
          partition,
          key: size.keyOf?.(sent + index) ?? null,
          value,
        }))
        await producer.send({ topic: size.topic, messages, acks: 1 })
      }
    }
  }
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, sendAll))
  await producer.disconnect()
}
