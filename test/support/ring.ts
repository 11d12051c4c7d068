import { HEADER } from '#src/shared/memory/ring/ring-layout.js'
import { RingMemory, type RingStart } from '#src/shared/memory/ring/ring-memory.js'
import type { RingShape } from '#src/shared/memory/ring/ring-layout.js'
import { RecordReader } from '#src/worker/decode/record-reader.js'

/** A ring that is small enough to wrap after some records, and the numbers of whose records wrap soon, too. */
export function smallRing(
  shape: Partial<Omit<RingShape, 'lanes' | 'restored'>> = {},
  start: RingStart = { frontiers: [0], inHand: [] },
  firstSeq = -5,
): RingMemory {
  const memory = RingMemory.create(
    { ordering: 'key', seats: 2, slotsPerSeat: 3, indexCapacity: 8, dataBytes: 256, ...shape },
    start,
  )
  memory.header[HEADER.HEAD] = memory.header[HEADER.TAIL] = firstSeq
  // The one lane is never behind TAIL; those of `key` order are as if they had rested since the first seq of all.
  if (memory.shape.ordering === 'none') {
    memory.lanes.next[0] = memory.lanes.after[0] = firstSeq
    memory.lanes.last[0] = firstSeq - 1
  }
  return memory
}

export interface RingRecord {
  readonly offset: number
  readonly timestamp?: number
  readonly key?: Buffer | null
  readonly value?: Buffer | null
  /** As they stand in a Kafka record. */
  readonly headers?: Buffer | undefined
}

/** A reader that stands on `record`, whose parts have something between them, as they do in a batch. */
export function readerOf({ offset, timestamp = 1, key, value, headers }: RingRecord): RecordReader {
  const reader = new RecordReader()
  reader.offset = offset
  reader.timestamp = timestamp
  const parts: Buffer[] = []
  let at = 0
  const put = (part: Buffer): [start: number, end: number] => {
    parts.push(BETWEEN, part)
    at += BETWEEN.length + part.length
    return [at - part.length, at]
  }
  ;[reader.keyStart, reader.keyEnd] = put(key ?? NOTHING)
  ;[reader.valueStart, reader.valueEnd] = put(value ?? NOTHING)
  if (headers !== undefined) [reader.headersStart, reader.headersEnd] = put(headers)
  if (key == null) reader.keyEnd = -1
  if (value == null) reader.valueEnd = -1
  reader.bytes = Buffer.concat(parts)
  return reader
}

const NOTHING = Buffer.alloc(0)
const BETWEEN = Buffer.from('--')
