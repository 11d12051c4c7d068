import { eventually } from '../support/eventually.ts'
import { endOffsets } from '../support/kafka.ts'
import { readTopic } from '../support/read-topic.ts'

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
  const found = await readTopic(topic, { brokers, ends: await endsOf(topic, brokers) })
  return found.map(messages => messages.map(({ key }) => key?.toString() ?? ''))
}
