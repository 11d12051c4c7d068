import { BrokerLinks } from '#src/coordinator/kafka/broker-links.js'
import { DeadLetters } from '#src/coordinator/dead-letters/dead-letters.js'
import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import { readLog } from '#src/dead-letters/read-log.js'
import type { StoredRecord } from '#src/dead-letters/letter.js'
import { openBrokerConnection } from '#src/shared/kafka/open-broker-connection.js'
import { silentLogger } from '#src/shared/logger.js'
import type { DeadLetter } from '#src/shared/protocol.js'
import { atEnd, type Owner } from './cleanup.ts'
import { connectionOptions, hostPort } from './kafka-options.ts'
import { sharedStack } from './stack.ts'

/** A dead letter of offset 7 of partition 0, with these differences. */
export function letterOf(changes: Partial<DeadLetter> & { partition?: number } = {}): DeadLetter {
  const { partition = 0, ...rest } = changes
  return {
    lane: { topic: 'orders', partition, epoch: 1n, lane: 0 },
    offset: 7,
    timestamp: 1_700_000_000_123,
    key: Buffer.from('key'),
    value: Buffer.from('value'),
    headers: [],
    attempts: 3,
    error: { name: 'TypeError', message: 'it is broken', stack: 'TypeError: it is broken\n    at there' },
    threadId: 1,
    ...rest,
  }
}

/** Started, and stopped when the test ends. */
export async function openDeadLetters(
  t: Owner,
  topic: string,
  options: { readonly giveUpAfterMs?: number; readonly brokers?: readonly string[] } = {},
): Promise<DeadLetters> {
  const { brokers = sharedStack().brokers, ...rest } = options
  const connection = connectionOptions()
  const cluster = await connectCluster(t, brokers)
  const letters = new DeadLetters(
    { topic, groupId: 'the-group', memberId: 'the-member', connection, logger: silentLogger, ...rest },
    cluster,
  )
  atEnd(t, () => letters.stop())
  await letters.start()
  return letters
}

/** All records of a partition, byte for byte and with their headers in order. */
export async function readAll(
  t: Owner,
  topic: string,
  partition = 0,
  brokers = sharedStack().brokers,
): Promise<StoredRecord[]> {
  const cluster = await connectCluster(t, brokers)
  const links = new BrokerLinks((address, signal) =>
    openBrokerConnection({ address, options: connectionOptions(), logger: silentLogger, signal }),
  )
  atEnd(t, () => links.close())
  const of = { topic, partition }
  const [start] = await cluster.listOffsets([of], 'earliest', false)
  const [end] = await cluster.listOffsets([of], 'latest', false)
  const port = {
    leaderOf: (at: typeof of) => cluster.leaderOf(at),
    refresh: () => cluster.refresh(),
    connectionTo: (address: Parameters<typeof links.to>[0]) => links.to(address),
  }
  const records: StoredRecord[] = []
  for await (const read of readLog(port, of, start!.offset, end!.offset)) records.push(...read)
  return records
}

/** What a header of this name holds, as text; undefined if there is none. */
export function headerText(record: StoredRecord, name: string): string | undefined {
  const value = record.headers.find(([header]) => header === name)?.[1]
  return value === undefined || value === null ? undefined : Buffer.from(value).toString()
}

async function connectCluster(t: Owner, brokers: readonly string[]): Promise<KafkaCluster> {
  const cluster = new KafkaCluster({ connection: connectionOptions(), logger: silentLogger })
  atEnd(t, () => cluster.close())
  await cluster.connect(brokers.map(hostPort))
  return cluster
}
