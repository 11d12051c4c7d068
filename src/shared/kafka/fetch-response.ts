import type { Offset, TopicPartition } from '../types.ts'
import { ResponseReader } from './response-reader.ts'

/** A producer's transaction that was aborted: its records from `firstOffset` on must not be seen by read_committed. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: Offset
}

/** What one fetch brought for one partition. */
export interface FetchedPartition extends TopicPartition {
  /** See error-codes.ts; the other fields hold nothing useful unless it is 0. */
  readonly errorCode: number
  /** End of the partition as far as it is replicated; -1 unknown. */
  readonly highWatermark: Offset
  /** End of what read_committed may see; -1 unknown. */
  readonly lastStableOffset: Offset
  /** Lowest offset still there; -1 unknown, also from brokers that speak Fetch 4 only. */
  readonly logStartOffset: Offset
  /** Null for read_uncommitted. */
  readonly aborted: readonly AbortedTransaction[] | null
  /** Record batches, the last of which may be cut off: a view of the answer's bytes. Null if there are none. */
  readonly records: Buffer | null
}

export interface FetchResponse {
  /** The broker asks for this pause before the next request; the connection keeps it. */
  readonly throttleTimeMs: number
  /** For the request as a whole. */
  readonly errorCode: number
  /** In the order of the request. */
  readonly partitions: readonly FetchedPartition[]
}

/** Smallest encodings, to tell an impossible array length before anything is allocated. */
const MIN_TOPIC_BYTES = 6
const MIN_PARTITION_BYTES = 30
const ABORTED_BYTES = 16

/**
 * Decodes a Fetch answer of versions 4 to 11 (https://kafka.apache.org/protocol#The_Messages_Fetch). Copies no record:
 * `records` are views. Damaged bytes throw RESPONSE_CORRUPT. kafkajs's own decoder throws the first partition's error
 * and drops the data of all others.
 */
export function decodeFetchResponse(payload: Buffer, version: number): FetchResponse {
  const reader = new ResponseReader(payload, `the answer to Fetch ${version}`)
  const throttleTimeMs = reader.int32()
  const errorCode = version >= 7 ? reader.int16() : 0
  if (version >= 7) reader.int32() // session id: 0, we ask for none
  const partitions: FetchedPartition[] = []
  for (let topics = reader.arrayLength(MIN_TOPIC_BYTES); topics > 0; topics -= 1) {
    const topic = reader.string()
    for (let left = reader.arrayLength(MIN_PARTITION_BYTES); left > 0; left -= 1) {
      partitions.push(decodePartition(reader, topic, version))
    }
  }
  return { throttleTimeMs, errorCode, partitions }
}

function decodePartition(reader: ResponseReader, topic: string, version: number): FetchedPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.offset()
  const lastStableOffset = reader.offset()
  const logStartOffset = version >= 5 ? reader.offset() : -1
  const aborted = decodeAborted(reader)
  if (version >= 11) reader.int32() // preferred read replica: -1, we name no rack
  const records = reader.bytes()
  return {
    topic,
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    records,
  }
}

function decodeAborted(reader: ResponseReader): AbortedTransaction[] | null {
  const length = reader.arrayLength(ABORTED_BYTES)
  if (length === -1) return null
  const aborted: AbortedTransaction[] = []
  for (let left = length; left > 0; left -= 1) {
    aborted.push({ producerId: reader.bigInt64(), firstOffset: reader.offset() })
  }
  return aborted
}
