import { crc32c } from '@node-rs/crc32'

/** A record that is to be written. */
export interface OutgoingRecord {
  /** Milliseconds. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** In this order; a name may come more than once. */
  readonly headers: readonly OutgoingHeader[]
}

export type OutgoingHeader = readonly [name: string, value: Uint8Array | null]

/** By these a broker knows a batch that it has written already (KIP-98). */
export interface BatchIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** How many records this producer has written to the partition before. */
  readonly firstSequence: number
}

/** The records of a batch, one behind the other. They may be compressed as a whole. */
export interface RecordBlock {
  readonly bytes: Uint8Array
  readonly codec: 'none' | 'gzip'
  readonly count: number
  readonly firstTimestamp: number
  readonly maxTimestamp: number
}

/** Where the fields of a record batch (magic 2) are. Source: Kafka's DefaultRecordBatch. */
const LENGTH_AT = 8
const LENGTH_END = 12
const LEADER_EPOCH_AT = 12
const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const FIRST_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const PRODUCER_EPOCH_AT = 51
const FIRST_SEQUENCE_AT = 53
const COUNT_AT = 57
const RECORDS_AT = 61

const MAGIC = 2
const CODECS = { none: 0, gzip: 1 } as const
const NO_LEADER_EPOCH = -1

/** Of a record, beside its key, value and headers: five numbers and the attributes, at most this many bytes. */
const RECORD_OVERHEAD_BYTES = 32
const HEADER_OVERHEAD_BYTES = 10

/**
 * Record batches are encoded here, and kafkajs's producer is not used: it throws on a header without a value, takes
 * headers as an object, which loses their order, and acknowledges what it did not send (docs/decisions/0011-dead-letters.md).
 * At least one record.
 */
export function encodeRecords(records: readonly OutgoingRecord[]): RecordBlock {
  const timestamps = records.map(record => record.timestamp)
  const firstTimestamp = timestamps[0]!
  return {
    bytes: Buffer.concat(records.flatMap((record, index) => encodeRecord(record, index, firstTimestamp))),
    codec: 'none',
    count: records.length,
    firstTimestamp,
    maxTimestamp: timestamps.reduce((max, timestamp) => Math.max(max, timestamp)),
  }
}

/** The batch as a broker stores it, but for its offset, which the broker sets. */
export function encodeRecordBatch(block: RecordBlock, identity: BatchIdentity): Buffer {
  const batch = Buffer.alloc(RECORDS_AT + block.bytes.length)
  batch.set(block.bytes, RECORDS_AT)
  batch.writeInt32BE(batch.length - LENGTH_END, LENGTH_AT)
  batch.writeInt32BE(NO_LEADER_EPOCH, LEADER_EPOCH_AT)
  batch.writeInt8(MAGIC, MAGIC_AT)
  batch.writeInt16BE(CODECS[block.codec], ATTRIBUTES_AT)
  batch.writeInt32BE(block.count - 1, LAST_OFFSET_DELTA_AT)
  batch.writeBigInt64BE(BigInt(block.firstTimestamp), FIRST_TIMESTAMP_AT)
  batch.writeBigInt64BE(BigInt(block.maxTimestamp), MAX_TIMESTAMP_AT)
  batch.writeBigInt64BE(identity.producerId, PRODUCER_ID_AT)
  batch.writeInt16BE(identity.producerEpoch, PRODUCER_EPOCH_AT)
  batch.writeInt32BE(identity.firstSequence, FIRST_SEQUENCE_AT)
  batch.writeInt32BE(block.count, COUNT_AT)
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT)
  return batch
}

/** Not less than what the record takes in a batch that is not compressed. */
export function encodedSize({ key, value, headers }: OutgoingRecord): number {
  const headerBytes = headers.reduce(
    (sum, [name, bytes]) => sum + Buffer.byteLength(name) + (bytes?.length ?? 0) + HEADER_OVERHEAD_BYTES,
    0,
  )
  return RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + headerBytes
}

function encodeRecord(record: OutgoingRecord, index: number, firstTimestamp: number): Uint8Array[] {
  const body = [
    NO_ATTRIBUTES,
    varint(record.timestamp - firstTimestamp),
    varint(index),
    ...sized(record.key),
    ...sized(record.value),
    varint(record.headers.length),
    ...record.headers.flatMap(([name, value]) => [...sized(Buffer.from(name)), ...sized(value)]),
  ]
  return [varint(body.reduce((sum, part) => sum + part.length, 0)), ...body]
}

const NO_ATTRIBUTES = Buffer.of(0)

function sized(bytes: Uint8Array | null): Uint8Array[] {
  return bytes === null ? [varint(-1)] : [varint(bytes.length), bytes]
}

/** Zigzag, seven bits a byte, low bits first. As a bigint: the difference of two timestamps has up to 54 bits, and one more here. */
function varint(value: number): Buffer {
  const big = BigInt(value)
  let rest = big >= 0n ? big * 2n : big * -2n - 1n
  const bytes: number[] = []
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}
