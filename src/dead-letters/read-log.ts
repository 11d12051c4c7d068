import { noLeader } from '../coordinator/kafka/partition-producer.ts'
import { Backoff } from '../shared/backoff.ts'
import { monotonicMs } from '../shared/clock.ts'
import { asGroupError, GroupError } from '../shared/errors.ts'
import type { BrokerConnection } from '../shared/kafka/broker-connection.ts'
import { ERROR_CODE, errorCodeName, fetchPolicy } from '../shared/kafka/error-codes.ts'
import { partitionName, type BrokerAddress, type Offset, type TopicPartition } from '../shared/types.ts'
import { RecordCursor } from '../worker/decode/record-cursor.ts'
import { listHeaders } from '../worker/decode/record-headers.ts'
import type { RecordReader } from '../worker/decode/record-reader.ts'
import type { StoredRecord } from './letter.ts'

/** What reading needs of the cluster. */
export interface LogPort {
  leaderOf(partition: TopicPartition): BrokerAddress | null
  refresh(): Promise<void>
  connectionTo(address: BrokerAddress): Promise<Pick<BrokerConnection, 'fetch'>>
}

const FETCH = { maxWaitMs: 500, minBytes: 1, readCommitted: false }
const FETCH_BYTES = 4 * 2 ** 20
/** Whatever a broker takes in one batch by default, many times. */
const MAX_BATCH_BYTES = 128 * 2 ** 20
const RETRY = { initialMs: 100, maxMs: 1_000 }
const PATIENCE_MS = 15_000

/**
 * The records of one partition from an offset up to (not including) another, in lists as they are fetched. It needs no
 * consumer group, and leaves none behind. BROKER_DISCONNECTED if nothing comes for a while, FETCH_REFUSED, BATCH_CORRUPT.
 */
export async function* readLog(
  port: LogPort,
  partition: TopicPartition,
  from: Offset,
  to: Offset,
): AsyncGenerator<readonly StoredRecord[]> {
  const cursor = new RecordCursor({ maxBatchBytes: MAX_BATCH_BYTES, readCommitted: FETCH.readCommitted })
  for (let position = from; position < to;) {
    cursor.reset(await fetchSomething(port, partition, position), position, null)
    const records = decodeAll(cursor, partition.partition)
    position = cursor.nextOffset
    yield records.filter(({ offset }) => offset < to)
  }
}

function decodeAll(cursor: RecordCursor, partition: number): StoredRecord[] {
  const records: StoredRecord[] = []
  while (cursor.next()) records.push(storedRecord(cursor.record, partition))
  return records
}

function storedRecord(reader: RecordReader, partition: number): StoredRecord {
  const { bytes, offset, timestamp, keyStart, keyEnd, valueStart, valueEnd, headersStart, headersEnd } =
    reader
  return {
    partition,
    offset,
    timestamp,
    key: keyEnd < 0 ? null : bytes.subarray(keyStart, keyEnd),
    value: valueEnd < 0 ? null : bytes.subarray(valueStart, valueEnd),
    headers: headersStart < 0 ? [] : listHeaders(bytes, headersStart, headersEnd),
  }
}

/** Asks until bytes come: leaders move, and brokers are away for a moment. */
async function fetchSomething(port: LogPort, partition: TopicPartition, offset: Offset): Promise<Buffer> {
  const deadlineMs = monotonicMs() + PATIENCE_MS
  const backoff = new Backoff(RETRY)
  let failure = nothingCame(partition, offset)
  for (;;) {
    try {
      const records = await fetchOnce(port, partition, offset)
      if (records !== null) return records
    } catch (error) {
      failure = asGroupError(error, `reading ${partitionName(partition)}`)
      if (!failure.retryable) throw failure
    }
    if (monotonicMs() >= deadlineMs) throw failure
    await backoff.wait()
    await port.refresh().catch((error: unknown) => {
      failure = asGroupError(error, 'refreshing metadata') // what is known of the leaders has to do
    })
  }
}

async function fetchOnce(port: LogPort, to: TopicPartition, offset: Offset): Promise<Buffer | null> {
  const leader = port.leaderOf(to)
  if (leader === null) throw noLeader(to)
  const connection = await port.connectionTo(leader)
  const position = { ...to, offset, maxBytes: FETCH_BYTES }
  const { partitions } = await connection.fetch({ ...FETCH, maxBytes: FETCH_BYTES, partitions: [position] })
  const { errorCode, records } = partitions[0]!
  if (errorCode !== ERROR_CODE.none) throw refused(to, offset, errorCode)
  return records
}

function refused(of: TopicPartition, offset: Offset, errorCode: number): GroupError {
  const policy = fetchPolicy(errorCode)
  const passes = policy === 'stale-leader' || policy === 'retry'
  return new GroupError(
    passes ? 'BROKER_DISCONNECTED' : 'FETCH_REFUSED',
    `the leader of ${partitionName(of)} refused to read from offset ${offset}: ${errorCodeName(errorCode)}`,
    { details: { ...of, offset, errorCode } },
  )
}

function nothingCame(of: TopicPartition, offset: Offset): GroupError {
  return new GroupError(
    'BROKER_DISCONNECTED',
    `nothing of ${partitionName(of)} from offset ${offset} on came within ${PATIENCE_MS} ms`,
    { details: { ...of, offset } },
  )
}
