import { Kafka, logLevel, type KafkaMessage } from 'kafkajs'
import { eventually } from './eventually.ts'
import { endOffsets, uniqueGroup } from './kafka.ts'
import { sharedStack } from './stack.ts'

const DEADLINE_MS = 60_000

export interface ReadTopicOptions {
  /** @defaultValue the shared stack's */
  readonly brokers?: readonly string[]
  /** The next offset to be written, by partition. @defaultValue what the brokers tell now */
  readonly ends?: readonly number[]
}

/** Every record of a topic by partition and offset, as somebody else's client reads it. The log has to start at 0 and to be complete. */
export async function readTopic(topic: string, options: ReadTopicOptions = {}): Promise<KafkaMessage[][]> {
  const { brokers = sharedStack().brokers } = options
  const ends = options.ends ?? (await endOffsets(topic, brokers))
  const found: KafkaMessage[][] = ends.map(() => [])
  const missing = (): number => ends.reduce((sum, end, partition) => sum + end - found[partition]!.length, 0)
  if (missing() === 0) return found
  const kafka = new Kafka({ clientId: 'reader', brokers: [...brokers], logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: uniqueGroup() })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const message of batch.messages) found[batch.partition]![Number(message.offset)] = message
      },
    })
    await eventually(() => missing() === 0, {
      deadlineMs: DEADLINE_MS,
      message: () => `${topic} is read back; ${missing()} records are missing`,
    })
  } finally {
    await consumer.disconnect()
  }
  return found
}
