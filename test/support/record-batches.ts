import * as zlib from 'node:zlib'
import { crc32, crc32c } from '@node-rs/crc32'
import { compressFrameSync } from 'lz4-napi'
import { compressSync as snappySync } from 'snappy'

/**
 * Writes record batches and old messages byte by byte, as brokers store them: an encoder of our own for tests, so that
 * they can also be wrong in every way. What Java writes is in test/fixtures/java-batches.
 */
export interface TestRecord {
  offset: number
  timestamp?: number
  key?: Buffer | null
  value?: Buffer | null
  headers?: readonly (readonly [string, Buffer | null])[]
}

export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd', 'xerial'] as const
export type TestCodec = (typeof CODECS)[number]
const CODEC_IDS: Record<TestCodec, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4, xerial: 2 }

export interface TestBatch {
  records: readonly TestRecord[]
  /** @defaultValue the first record's offset */
  baseOffset?: number
  /** @defaultValue the last record's offset */
  lastOffset?: number
  codec?: TestCodec
  /** In a transaction of this producer. */
  transactionOf?: bigint
  control?: boolean
  /** The batch has log append time: this. */
  appendTime?: number
  /** What the header claims. @defaultValue the truth */
  count?: number
  /** Attribute bits to set on top. */
  attributes?: number
}

export function encodeBatch(batch: TestBatch): Buffer {
  const baseOffset = batch.baseOffset ?? batch.records[0]!.offset
  const lastOffset = batch.lastOffset ?? batch.records.at(-1)!.offset
  const baseTimestamp = batch.records[0]?.timestamp ?? 0
  const records = batch.records.map(record => encodeRecord(record, baseOffset, baseTimestamp))
  const payload = compress(Buffer.concat(records), batch.codec ?? 'none')
  const bytes = Buffer.alloc(61 + payload.length)
  payload.copy(bytes, 61)
  bytes.writeBigInt64BE(BigInt(baseOffset), 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(attributesOf(batch), 21)
  bytes.writeInt32BE(lastOffset - baseOffset, 23)
  bytes.writeBigInt64BE(BigInt(baseTimestamp), 27)
  bytes.writeBigInt64BE(BigInt(batch.appendTime ?? baseTimestamp), 35)
  bytes.writeBigInt64BE(batch.transactionOf ?? -1n, 43)
  bytes.writeInt32BE(batch.count ?? records.length, 57)
  return reseal(bytes)
}

function attributesOf(batch: TestBatch): number {
  return (
    CODEC_IDS[batch.codec ?? 'none'] |
    (batch.appendTime === undefined ? 0 : 0x08) |
    (batch.transactionOf === undefined ? 0 : 0x10) |
    (batch.control === true ? 0x20 : 0) |
    (batch.attributes ?? 0)
  )
}

/** Makes the CRC of one batch (from `start` to the end) right again. */
export function reseal(bytes: Buffer, start = 0): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(start + 21)), start + 17)
  return bytes
}

/** The control batch that ends a transaction. */
export function encodeMarker(offset: number, producerId: bigint, type: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1])
  const value = Buffer.alloc(6)
  return encodeBatch({ records: [{ offset, key, value }], control: true, transactionOf: producerId })
}

function encodeRecord(record: TestRecord, baseOffset: number, baseTimestamp: number): Buffer {
  const headers = record.headers ?? []
  const body = Buffer.concat([
    Buffer.from([0]),
    varint((record.timestamp ?? baseTimestamp) - baseTimestamp),
    varint(record.offset - baseOffset),
    sized(record.key ?? null),
    sized(record.value ?? null),
    varint(headers.length),
    ...headers.flatMap(([name, value]) => [sized(Buffer.from(name)), sized(value)]),
  ])
  return Buffer.concat([varint(body.length), body])
}

function sized(bytes: Buffer | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes])
}

/** Zigzag, seven bits a byte, low bits first. */
export function varint(value: number): Buffer {
  let rest = BigInt(value) >= 0n ? BigInt(value) * 2n : BigInt(value) * -2n - 1n
  const bytes: number[] = []
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}

export interface TestMessage {
  magic: 0 | 1
  offset: number
  timestamp?: number
  key?: Buffer | null
  value?: Buffer | null
  attributes?: number
}

/** A message of format 0 or 1. */
export function encodeMessage(message: TestMessage): Buffer {
  const { magic, offset, timestamp = 0, key = null, value = null, attributes = 0 } = message
  const head = Buffer.alloc(magic === 0 ? 18 : 26)
  head.writeBigInt64BE(BigInt(offset), 0)
  head.writeInt8(magic, 16)
  head.writeInt8(attributes, 17)
  if (magic === 1) head.writeBigInt64BE(BigInt(timestamp), 18)
  const bytes = Buffer.concat([head, sizedInt32(key), sizedInt32(value)])
  bytes.writeInt32BE(bytes.length - 12, 8)
  return resealMessage(bytes)
}

/** Makes the CRC of one message right again. */
export function resealMessage(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(16)), 12)
  return bytes
}

function sizedInt32(bytes: Buffer | null): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes?.length ?? -1)
  return Buffer.concat([length, bytes ?? Buffer.alloc(0)])
}

export interface TestWrapper {
  magic: 0 | 1
  messages: readonly TestMessage[]
  codec: Exclude<TestCodec, 'none' | 'zstd'>
  /** @defaultValue the last message's offset */
  offset?: number
  appendTime?: number
}

/** A compressed set of old messages. In format 1 its messages count from 0, as brokers store them. */
export function encodeWrapper({ magic, messages, codec, offset, appendTime }: TestWrapper): Buffer {
  const first = messages[0]?.offset ?? 0
  const inner = messages.map(message =>
    encodeMessage({ ...message, offset: magic === 1 ? message.offset - first : message.offset }),
  )
  return encodeMessage({
    magic,
    offset: offset ?? messages.at(-1)?.offset ?? 0,
    timestamp: appendTime ?? 0,
    value: compress(Buffer.concat(inner), codec),
    attributes: CODEC_IDS[codec] | (appendTime === undefined ? 0 : 0x08),
  })
}

export function compress(bytes: Buffer, codec: TestCodec): Buffer {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return zlib.gzipSync(bytes)
    case 'snappy':
      return snappySync(bytes)
    case 'xerial':
      return xerial(bytes)
    case 'lz4':
      return compressFrameSync(bytes)
    case 'zstd':
      return zstd(bytes)
  }
}

/** snappy-java's framing, in blocks small enough that tests have several. */
function xerial(bytes: Buffer): Buffer {
  const blocks: Buffer[] = [
    Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
  ]
  for (let at = 0; at < bytes.length; at += 512)
    blocks.push(sizedInt32(snappySync(bytes.subarray(at, at + 512))))
  return Buffer.concat(blocks)
}

type ZstdCompressSync = (bytes: Buffer) => Buffer
const zstdOfNode = (zlib as { zstdCompressSync?: ZstdCompressSync }).zstdCompressSync

/** Real compression where Node has it; else a valid frame whose blocks are stored. */
function zstd(bytes: Buffer): Buffer {
  return zstdOfNode?.(bytes) ?? storedZstd(bytes)
}

/** A frame with a 128 KiB window, no content size and stored blocks. */
export function storedZstd(bytes: Buffer, blockBytes = 1000): Buffer {
  const parts: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38])]
  for (let at = 0; at === 0 || at < bytes.length; at += blockBytes) {
    const block = bytes.subarray(at, at + blockBytes)
    parts.push(zstdBlock('raw', at + blockBytes >= bytes.length, block.length), block)
  }
  return Buffer.concat(parts)
}

export function zstdBlock(type: 'raw' | 'rle' | 'compressed', isLast: boolean, size: number): Buffer {
  const header = Buffer.alloc(3)
  header.writeUIntLE((size << 3) | (['raw', 'rle', 'compressed'].indexOf(type) << 1) | (isLast ? 1 : 0), 0, 3)
  return header
}
