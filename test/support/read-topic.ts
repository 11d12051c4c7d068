import { Kafka, logLevel, type KafkaMessage } from 'kafkajs'
import { eventually } from './eventually.ts'
import { endOffsets, uniqueGroup } from './kafka.ts'
import { sharedStack } from './stack.ts'

const DEADLINE_MS = 60_000

/** Every record of a topic by partition, as somebody else's client reads it. The log has to start at 0 and to be complete. */
export async function readTopic(
  topic: string,
  brokers: readonly string[] = sharedStack().brokers,
): Promise<KafkaMessage[][]> {
  const ends = await endOffsets(topic, brokers)
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
      eachBatch: ({ batch }) => {
        found[batch.partition]!.push(...batch.messages)
        return Promise.resolve()
      },
    })
    await eventually(() => missing() <= 0, {
      deadlineMs: DEADLINE_MS,
      message: () => `${missing()} records of ${topic} are missing`,
    })
  } finally {
    await consumer.disconnect()
  }
  return found
}
