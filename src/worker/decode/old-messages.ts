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
  readonly offset: number
  readonly timestamp: number
  readonly keyStart: number
  /** -1 for a null key. */
  readonly keyEnd: number
  readonly valueStart: number
  /** -1 for a null value. */
  readonly valueEnd: number
}

/** How wrapped messages differ from what is written in them. */
interface WrapperTerms {
  /** Added to their offsets. */
  readonly baseOffset: number
  /** Null: their own timestamps count. */
  readonly appendTime: number | null
}

const ON_ITS_OWN: WrapperTerms = { baseOffset: 0, appendTime: null }

/** Messages that were checked, read out one by one: a wrapper may hold millions of the smallest. */
export class OldMessages {
  /** What the positions of the messages refer to. */
  readonly bytes: Buffer
  readonly #end: number
  readonly #terms: WrapperTerms
  #at: number

  constructor(bytes: Buffer, start: number, end: number, terms: WrapperTerms) {
    this.bytes = bytes
    this.#at = start
    this.#end = end
    this.#terms = terms
  }

  get hasNext(): boolean {
    return this.#at < this.#end
  }

  /** Only while `hasNext`. */
  next(): OldMessage {
    const frame = readFrame(this.bytes, this.#at, Infinity) as BatchFrame // whole, as it was when it was checked
    this.#at = frame.end
    const message = locate(this.bytes, frame)
    const { baseOffset, appendTime } = this.#terms
    return {
      ...message,
      offset: baseOffset + message.offset,
      timestamp: appendTime === null || frame.magic === 0 ? message.timestamp : appendTime,
    }
  }
}

export const NO_OLD_MESSAGES = new OldMessages(Buffer.alloc(0), 0, 0, ON_ITS_OWN)

/** The message of the frame, or those it wraps. @throws BATCH_CORRUPT, BATCH_TOO_LARGE, CODEC_UNSUPPORTED */
export function readOldMessages(records: Buffer, frame: BatchFrame, maxBatchBytes: number): OldMessages {
  const message = readMessage(records, frame)
  if (codecOf(records, frame) === NO_CODEC)
    return new OldMessages(records, frame.start, frame.end, ON_ITS_OWN)
  const bytes = unwrap(records, frame, message, maxBatchBytes)
  const terms = { baseOffset: checkWrapped(bytes, frame), appendTime: wrapperTime(records, frame) }
  return new OldMessages(bytes, 0, bytes.length, terms)
}

function readMessage(records: Buffer, frame: BatchFrame): OldMessage {
  checkCrc(records, frame)
  return locate(records, frame)
}

function locate(records: Buffer, { start, end, baseOffset, magic }: BatchFrame): OldMessage {
  const keyStart = start + KEY_LENGTH_AT[magic as 0 | 1] + LENGTH_BYTES
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

/** All of them, before the first is handled. Returns what is to be added to their offsets. */
function checkWrapped(bytes: Buffer, wrapper: BatchFrame): number {
  let first = -1
  let last = -1
  for (let at = 0; at < bytes.length;) {
    const frame = innerFrame(bytes, at, wrapper)
    const { offset } = namingWrapper(wrapper, () => readMessage(bytes, frame))
    if (offset <= last) throw corruptBatch(wrapper.baseOffset, `it wraps offset ${offset} after ${last}`)
    if (first < 0) first = offset
    last = offset
    at = frame.end
  }
  if (last < 0) throw corruptBatch(wrapper.baseOffset, 'it is compressed but wraps nothing')
  // In format 1 the wrapper has the offset of its last message, and the messages count from wherever they like.
  const baseOffset = wrapper.magic === 1 ? wrapper.baseOffset - last : 0
  if (first + baseOffset < 0 || last + baseOffset > wrapper.baseOffset)
    throw corruptBatch(wrapper.baseOffset, `it wraps offsets ${first + baseOffset} to ${last + baseOffset}`)
  return baseOffset
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

function codecOf(bytes: Buffer, frame: BatchFrame): number {
  return bytes[frame.start + ATTRIBUTES_AT]! & CODEC_MASK
}

function checkCrc(bytes: Buffer, frame: BatchFrame): void {
  const stored = bytes.readUInt32BE(frame.start + CRC_AT)
  const computed = crc32(bytes.subarray(frame.start + CHECKED_FROM, frame.end))
  if (stored !== computed)
    throw corruptBatch(frame.baseOffset, `its CRC is ${stored}, the bytes have ${computed}`)
}
