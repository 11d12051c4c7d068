import type { FeedWaitReason } from '../../shared/memory/ring/ring-layout.ts'
import type { RingMemory } from '../../shared/memory/ring/ring-memory.ts'
import type { Offset } from '../../shared/types.ts'
import type { RecordReader } from '../decode/record-reader.ts'

/** The feeder's end of a ring: appends records and uses the room of finished ones anew. */
export class RingWriter {
  constructor(memory: RingMemory) {
    void memory
    throw new Error('to be written')
  }

  /** It was finished before the claim: not in hand then, and below its lane's frontier. */
  declare isFinished: (offset: Offset, lane: number) => boolean
  /** What the record would take, index and bytes; more than `capacityBytes` never fits. */
  declare bytesOf: (record: RecordReader) => number
  declare readonly capacityBytes: number
  /** Puts the record that the reader stands on behind the others; false, with nothing written, if there is no room now. Not visible to progress before `publish`. */
  declare append: (record: RecordReader, lane: number, hash: number) => boolean
  /** Everything below `nextOffset` was appended or passed; wakes the seats that sleep, if anything was appended. */
  declare publish: (nextOffset: Offset) => void
  /** Resolves when a good part of the ring may have become free. Not while there is room. */
  declare waitForRoom: () => Promise<void>
  /** Bytes of records that are kept; looks anew what is finished. */
  declare usedBytes: () => number
  declare setBufferedBytes: (bytes: number) => void
  declare setHighWatermark: (offset: Offset) => void
  declare setWaitsFor: (reason: FeedWaitReason) => void
}
