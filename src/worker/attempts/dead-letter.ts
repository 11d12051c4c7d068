import { toWire } from '../../shared/error-wire.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { DeadLetter, LaneId } from '../../shared/protocol.ts'
import { readRawHeaders } from '../decode/record-headers.ts'
import type { RecordReader } from '../decode/record-reader.ts'
import { LaneRecord } from '../record.ts'

export interface DeadLetterFacts {
  readonly lane: LaneId
  readonly attempts: number
  readonly error: GroupError
  readonly threadId: number
}

/** The record as it came, in memory of its own: a view would take the whole fetched answer across the thread with it. */
export function deadLetterOf(record: LaneRecord, facts: DeadLetterFacts): DeadLetter {
  const raw = LaneRecord.raw(record)
  const { lane, attempts, error, threadId } = facts
  return {
    lane,
    offset: raw.offset,
    timestamp: raw.timestamp,
    key: raw.keyEnd < 0 ? null : copy(raw.bytes.subarray(raw.keyStart, raw.keyEnd)),
    value: raw.valueEnd < 0 ? null : copy(raw.bytes.subarray(raw.valueStart, raw.valueEnd)),
    headers: rawHeaders(raw),
    attempts,
    error: toWire(error),
    threadId,
  }
}

/** What can be handed over to another thread instead of being copied once more. */
export function transferables({ key, value, headers }: DeadLetter): ArrayBuffer[] {
  return [key, value, ...headers.map(([, bytes]) => bytes)].flatMap(bytes =>
    bytes === null ? [] : [bytes.buffer as ArrayBuffer],
  )
}

function rawHeaders(raw: RecordReader): DeadLetter['headers'] {
  if (raw.headersStart < 0) return []
  return readRawHeaders(raw.bytes, raw.headersStart, raw.headersEnd).map(
    ([name, value]) => [name, value === null ? null : copy(value)] as const,
  )
}

function copy(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes) // a plain one: a small Buffer would be a part of one that others use, too
}
