import { Kafka, logLevel } from 'kafkajs'
import { eventually } from '../support/eventually.ts'
import { endOffsets, uniqueGroup } from '../support/kafka.ts'

const READ_DEADLINE_MS = 60_000

/** The next offset to be written, by partition; asked again while leaders change. */
export function endsOf(topic: string, brokers: readonly string[]): Promise<number[]> {
  return eventually(() => endOffsets(topic, [...brokers]).catch(() => null), {
    deadlineMs: READ_DEADLINE_MS,
    message: 'the brokers tell where the log ends',
  })
}

/** The keys of every record in the log, by partition and offset. The log has to start at 0 and to be complete. */
export async function readKeys(topic: string, brokers: readonly string[]): Promise<string[][]> {
  const ends = await endsOf(topic, brokers)
  const keys: string[][] = ends.map(() => [])
  const kafka = new Kafka({ clientId: 'chaos-reader', brokers: [...brokers], logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId: uniqueGroup() })
  await consumer.connect()
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { offset, key } of batch.messages)
          keys[batch.partition]![Number(offset)] = key?.toString() ?? ''
      },
    })
    const missing = (): number => ends.reduce((sum, end, p) => sum + end - keys[p]!.length, 0)
    await eventually(() => missing() === 0, {
      deadlineMs: READ_DEADLINE_MS,
      message: () => `the log is read back; ${missing()} records are missing`,
    })
  } finally {
    await consumer.disconnect()
  }
  return keys
}
