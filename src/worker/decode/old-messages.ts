import { crc32 } from '@node-rs/crc32'
import { corruptBatch } from './batch-errors.ts'
import { readFrame, BatchFrame } from './batch-frame.ts'
import { NO_CODEC, OLD_MESSAGE_CODECS } from './codecs/registry.ts'
import { decompress } from './decompress.ts'
import { readInt64 } from './int64.ts'

/**
 * Message formats 0 and 1, which logs may still hold from before Kafka 0.11. Each message stands alone, or is a
 * wrapper whose value is a compressed set of messages. Source: Kafka's LegacyRecord and AbstractLegacyRecordBatch.
 */
const CRC_AT = 12
const CHECKED_FROM = 16
const ATTRIBUTES_AT = 17
const TIMESTAMP_AT = 18
const KEY_LENGTH_AT = [18, 26] as const
const LENGTH_BYTES = 4

const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const NO_TIMESTAMP = -1

export interface OldMessage {
  offset: number
  readonly timestamp: number
  readonly keyStart: number
  /** -1 for a null key. */
  readonly keyEnd: number
  readonly valueStart: number
  /** -1 for a null value. */
  readonly valueEnd: number
}

export interface OldMessages {
  /** What the positions of the messages refer to. */
  readonly bytes: Buffer
  readonly messages: readonly OldMessage[]
}

/** The message of the frame, or those it wraps. @throws BATCH_CORRUPT, BATCH_TOO_LARGE, CODEC_UNSUPPORTED */
export function readOldMessages(records: Buffer, frame: BatchFrame, maxBatchBytes: number): OldMessages {
  const message = readMessage(records, frame)
  if (codecOf(records, frame) === NO_CODEC) return { bytes: records, messages: [message] }
  const bytes = unwrap(records, frame, message, maxBatchBytes)
  const messages = readWrapped(bytes, frame, wrapperTime(records, frame))
  checkOrder(messages, frame)
  return { bytes, messages }
}

function readMessage(records: Buffer, frame: BatchFrame): OldMessage {
  const { start, end, baseOffset } = frame
  checkCrc(records, frame)
  const magic = frame.magic as 0 | 1
  const keyStart = start + KEY_LENGTH_AT[magic] + LENGTH_BYTES
  const keyLength = records.readInt32BE(keyStart - LENGTH_BYTES)
  const valueStart = keyStart + Math.max(keyLength, 0) + LENGTH_BYTES
  if (keyLength < -1 || valueStart > end) throw corruptBatch(baseOffset, `its key has ${keyLength} bytes`)
  const valueLength = records.readInt32BE(valueStart - LENGTH_BYTES)
  if (valueLength < -1 || valueStart + Math.max(valueLength, 0) !== end)
    throw corruptBatch(baseOffset, `its value has ${valueLength} bytes`)
  return {
    offset: baseOffset,
    timestamp: magic === 0 ? NO_TIMESTAMP : readInt64(records, start + TIMESTAMP_AT),
    keyStart,
    keyEnd: keyLength < 0 ? -1 : keyStart + keyLength,
    valueStart,
    valueEnd: valueLength < 0 ? -1 : end,
  }
}

function unwrap(records: Buffer, frame: BatchFrame, wrapper: OldMessage, maxBatchBytes: number): Buffer {
  if (wrapper.valueEnd < 0) throw corruptBatch(frame.baseOffset, 'it is compressed but has no value')
  return decompress(
    records.subarray(wrapper.valueStart, wrapper.valueEnd),
    OLD_MESSAGE_CODECS[frame.magic as 0 | 1],
    codecOf(records, frame),
    frame.baseOffset,
    maxBatchBytes,
  )
}

/** Null: the messages' own timestamps count. */
function wrapperTime(records: Buffer, frame: BatchFrame): number | null {
  if (frame.magic === 0 || (records[frame.start + ATTRIBUTES_AT]! & LOG_APPEND_TIME) === 0) return null
  return readInt64(records, frame.start + TIMESTAMP_AT)
}

function readWrapped(bytes: Buffer, wrapper: BatchFrame, appendTime: number | null): OldMessage[] {
  const messages: OldMessage[] = []
  for (let at = 0; at < bytes.length;) {
    const frame = innerFrame(bytes, at, wrapper)
    const message = namingWrapper(wrapper, () => readMessage(bytes, frame))
    messages.push(appendTime === null || frame.magic === 0 ? message : { ...message, timestamp: appendTime })
    at = frame.end
  }
  if (wrapper.magic === 1) makeAbsolute(messages, wrapper.baseOffset)
  return messages
}

function innerFrame(bytes: Buffer, at: number, wrapper: BatchFrame): BatchFrame {
  const frame = namingWrapper(wrapper, () => readFrame(bytes, at, Infinity))
  if (!(frame instanceof BatchFrame)) throw corruptBatch(wrapper.baseOffset, 'a message in it is cut off')
  if (frame.magic > 1 || codecOf(bytes, frame) !== NO_CODEC)
    throw corruptBatch(wrapper.baseOffset, 'it wraps something else than plain messages')
  return frame
}

/** Offsets inside of a wrapper mean nothing to anybody: the error names the wrapper's, with the inner one as cause. */
function namingWrapper<T>(wrapper: BatchFrame, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw corruptBatch(wrapper.baseOffset, 'a message in it is damaged', error)
  }
}

/** In format 1 the wrapper has the offset of its last message, and the messages count from wherever they like. */
function makeAbsolute(messages: readonly OldMessage[], wrapperOffset: number): void {
  const base = wrapperOffset - (messages.at(-1)?.offset ?? 0)
  for (const message of messages) message.offset += base
}

function checkOrder(messages: readonly OldMessage[], wrapper: BatchFrame): void {
  if (messages.length === 0) throw corruptBatch(wrapper.baseOffset, 'it is compressed but wraps nothing')
  let last = -1
  for (const { offset } of messages) {
    if (offset <= last || offset > wrapper.baseOffset)
      throw corruptBatch(wrapper.baseOffset, `it wraps offset ${offset} after ${last}`)
    last = offset
  }
}

function codecOf(bytes: Buffer, frame: BatchFrame): number {
  return bytes[frame.start + ATTRIBUTES_AT]! & CODEC_MASK
}

function checkCrc(bytes: Buffer, frame: BatchFrame): void {
  const stored = bytes.readUInt32BE(frame.start + CRC_AT)
  const computed = crc32(bytes.subarray(frame.start + CHECKED_FROM, frame.end))
  if (stored !== computed)
    throw corruptBatch(frame.baseOffset, `its CRC is ${stored}, the bytes have ${computed}`)
}
