import { HEADER, NO_LANE, SLOT_STATE_NUMBER } from '../../shared/memory/ring/ring-layout.ts'
import { isTaken } from '../../shared/memory/ring/lane-chain.ts'
import { seqDistance, type RingMemory } from '../../shared/memory/ring/ring-memory.ts'

const FREE = SLOT_STATE_NUMBER.free

/** Feeder: what is kept in a ring, and what is free for more. */
export class Room {
  readonly #memory: RingMemory
  readonly #mask: number
  #head: number
  #tail: number
  /** Byte in the data behind the newest entry. */
  #end: number

  constructor(memory: RingMemory, head: number, end: number) {
    this.#memory = memory
    this.#mask = memory.shape.indexCapacity - 1
    this.#head = head
    this.#tail = memory.header[HEADER.TAIL]!
    this.#end = end
    this.#endPass()
  }

  get head(): number {
    return this.#head
  }

  get tail(): number {
    return this.#tail
  }

  get kept(): number {
    return seqDistance(this.#head, this.#tail)
  }

  /** From the oldest entry to behind the newest, with what was too little for an entry at the end of the data. */
  get dataBytes(): number {
    if (this.kept === 0) return 0
    const bytes = this.#end - this.#start
    return bytes > 0 ? bytes : bytes + this.#memory.shape.dataBytes
  }

  /** Byte at which an entry of so many bytes can stand; -1: nowhere. */
  place(bytes: number): number {
    const { dataBytes, indexCapacity } = this.#memory.shape
    if (this.kept === 0) return bytes <= dataBytes ? 0 : -1
    if (this.kept === indexCapacity) return -1
    const start = this.#start
    if (this.#end <= start) return bytes <= start - this.#end ? this.#end : -1
    if (bytes <= dataBytes - this.#end) return this.#end
    return bytes <= start ? 0 : -1
  }

  /** An entry was written, up to `end`, and is to be found by its lane. */
  use(end: number): void {
    this.#end = end
    this.#head = (this.#head + 1) | 0
    Atomics.store(this.#memory.header, HEADER.HEAD, this.#head)
  }

  /** Gives up what is finished at the beginning. */
  advance(): void {
    const untaken = this.#firstUntaken(this.#nearestInHand(this.kept))
    // The slots once more, behind the lanes: a record that was untaken when they were looked at before may be in hand since, and is taken now.
    const free = this.#nearestInHand(untaken)
    for (let count = 0; count < free; count++) this.#pass()
  }

  /** The last one of the first `count` records that is not finished; null if all are. */
  lastUnfinished(count: number): number | null {
    const inHand = this.#inHand()
    for (let at = Math.min(count, this.kept) - 1; at >= 0; at--) {
      const seq = (this.#tail + at) | 0
      if (inHand.has(seq) || this.#isUntaken(seq)) return seq
    }
    return null
  }

  isUnfinished(seq: number): boolean {
    // The lane before the slots: what it has moved beyond stood in its slot before.
    return this.#isUntaken(seq) || this.#inHand().has(seq)
  }

  get #start(): number {
    return this.#memory.index.position[this.#tail & this.#mask]!
  }

  #isUntaken(seq: number): boolean {
    const lane = this.#memory.index.lane[seq & this.#mask]!
    return lane !== NO_LANE && !isTaken(this.#memory, lane, seq)
  }

  #inHand(): Set<number> {
    const { state, seq } = this.#memory.slots
    const seqs = new Set<number>()
    for (let slot = 0; slot < state.length; slot++)
      if (Atomics.load(state, slot) !== FREE) seqs.add(Atomics.load(seq, slot))
    return seqs
  }

  /** How far behind TAIL the first record in hand is; `limit` if none is nearer. Also what a seat is about to take: it may look at its entry. */
  #nearestInHand(limit: number): number {
    const { state, seq } = this.#memory.slots
    let nearest = limit
    for (let slot = 0; slot < state.length; slot++) {
      if (Atomics.load(state, slot) === FREE) continue
      const distance = seqDistance(Atomics.load(seq, slot), this.#tail)
      if (distance >= 0 && distance < nearest) nearest = distance
    }
    return nearest
  }

  #firstUntaken(limit: number): number {
    for (let at = 0; at < limit; at++) if (this.#isUntaken((this.#tail + at) | 0)) return at
    return limit
  }

  /** One by one, so that a feeder that exits here leaves at most one half done. */
  #pass(): void {
    const { index, lanes } = this.#memory
    const entry = this.#tail & this.#mask
    const lane = index.lane[entry]!
    if (lane !== NO_LANE) {
      // OLDEST before AFTER: who sees that the record taken last was passed goes on with the oldest.
      Atomics.store(lanes.oldest, lane, index.link[entry]!)
      // AFTER before the entry is used anew, see firstUntaken.
      Atomics.store(lanes.after, lane, (this.#tail + 1) | 0)
    }
    this.#moveTail()
  }

  /**
   * If a feeder before this one has exited between AFTER and TAIL. Left there the record would look untaken for ever, see isTaken; passed again it
   * would take OLDEST away from one that was appended since.
   */
  #endPass(): void {
    const { index, lanes } = this.#memory
    const lane = index.lane[this.#tail & this.#mask]!
    const isBelowAfter = lane !== NO_LANE && lanes.after[lane] === ((this.#tail + 1) | 0)
    if (this.kept > 0 && isBelowAfter) this.#moveTail()
  }

  #moveTail(): void {
    this.#tail = (this.#tail + 1) | 0
    Atomics.store(this.#memory.header, HEADER.TAIL, this.#tail)
  }
}
