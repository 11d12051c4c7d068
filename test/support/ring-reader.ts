import type { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { valueDecoder } from '#src/worker/decode/value-decoders.js'
import { LaneRecord } from '#src/worker/record.js'
import { SeatMemory, type TakenRecord } from '#src/worker/ring/seat-memory.js'

export interface ReadRecord {
  readonly taken: TakenRecord
  readonly record: LaneRecord<Buffer>
}

const ORIGIN = { topic: 't', partition: 0, decode: valueDecoder() }

/** Takes records out of a ring in the place of a seat's thread. */
export class RingReader {
  readonly seat: SeatMemory

  constructor(memory: RingMemory, seat = 0) {
    this.seat = new SeatMemory(memory, seat)
  }

  /** The next record, now in hand; null if there is none. */
  take(): ReadRecord | null {
    const taken = this.seat.take()
    if (taken === null) return null
    return { taken, record: new LaneRecord(ORIGIN, this.seat.read(taken)) as LaneRecord<Buffer> }
  }

  finish({ taken }: ReadRecord): void {
    this.seat.finish(taken.slot)
  }

  /** Takes and finishes all that is there. */
  readAll(): ReadRecord[] {
    const all: ReadRecord[] = []
    for (let next = this.take(); next !== null; next = this.take()) {
      all.push(next)
      this.finish(next)
    }
    this.seat.yieldLanes()
    return all
  }
}

export function offsetsOf(records: readonly ReadRecord[]): number[] {
  return records.map(({ taken }) => taken.offset)
}
