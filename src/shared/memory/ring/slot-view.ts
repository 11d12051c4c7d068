import type { Offset } from '../../types.ts'
import { SLOT_STATE_NUMBER, SLOT_STATES, type SlotState } from './ring-layout.ts'
import type { RingMemory } from './ring-memory.ts'

const { free: FREE, taking: TAKING } = SLOT_STATE_NUMBER

export interface SlotView {
  readonly state: SlotState
  readonly seq: number
  readonly offset: Offset
  readonly lane: number
  readonly attempts: number
}

/** Reads slots while their threads go on. */
export class SlotViews {
  readonly #memory: RingMemory
  readonly #offsets: OffsetViews

  constructor(memory: RingMemory) {
    this.#memory = memory
    this.#offsets = new OffsetViews(memory)
  }

  /** What is in hand there; null if nothing is. `slot` counts over all seats. */
  read(slot: number): SlotView | null {
    const { state, seq } = this.#memory.slots
    for (;;) {
      const held = Atomics.load(state, slot)
      if (held === FREE) return null
      const of = Atomics.load(seq, slot)
      const view = this.#view(slot, held, of)
      // Still the same: so its entry was its own all the time. Else TAIL may have passed it, and the entry be another's; or it was 'taking', its lane
      // has moved on by more than this record, and what was concluded from that is wrong.
      if (Atomics.load(seq, slot) === of && Atomics.load(state, slot) === held) return view
    }
  }

  #view(slot: number, state: number, seq: number): SlotView | null {
    const { index, slots, shape } = this.#memory
    if (state === TAKING && !this.#isTaker(slot, seq)) return null
    return {
      state: SLOT_STATES[state]!,
      seq,
      offset: this.#offsets.of(seq),
      lane: Atomics.load(index.lane, seq & (shape.indexCapacity - 1)),
      attempts: Atomics.load(slots.attempts, slot),
    }
  }

  /** What a seat is taking: is it its own? */
  #isTaker(slot: number, seq: number): boolean {
    const { index, lanes, shape } = this.#memory
    const entry = seq & (shape.indexCapacity - 1)
    if (shape.ordering === 'none')
      return Atomics.load(index.taker, entry) === Math.floor(slot / shape.slotsPerSeat) + 1
    // It holds the lane, and has not moved it beyond the record or to just behind it.
    return Atomics.load(lanes.next, Atomics.load(index.lane, entry)) === ((seq + 1) | 0)
  }
}

/** Reads offsets of entries that may change at the same time: by atomic loads, which exist for integers only, so that what is read next is newer. */
export class OffsetViews {
  readonly #bits: BigInt64Array
  readonly #mask: number

  constructor({ buffer, index, shape }: RingMemory) {
    this.#bits = new BigInt64Array(buffer, index.offset.byteOffset, index.offset.length)
    this.#mask = shape.indexCapacity - 1
  }

  of(seq: number): Offset {
    BITS[0] = Atomics.load(this.#bits, seq & this.#mask)
    return DOUBLE[0]!
  }
}

const BITS = new BigInt64Array(1)
const DOUBLE = new Float64Array(BITS.buffer)
