import { SLOT_STATE_NUMBER, type SlotState } from '../../shared/memory/ring/ring-layout.ts'
import type { RingMemory } from '../../shared/memory/ring/ring-memory.ts'

const { free: FREE, taking: TAKING, ready: READY } = SLOT_STATE_NUMBER

/** The slots of one seat: what it has in hand. Slots count from 0 per seat. */
export class SeatSlots {
  readonly #memory: RingMemory
  readonly #first: number
  /** The one that was used last is on top. */
  readonly #free: number[] = []

  constructor(memory: RingMemory, seat: number) {
    this.#memory = memory
    const { slotsPerSeat } = memory.shape
    this.#first = seat * slotsPerSeat
    for (let slot = slotsPerSeat - 1; slot >= 0; slot--)
      if (memory.slots.state[this.#first + slot] === FREE) this.#free.push(slot)
  }

  get hasFree(): boolean {
    return this.#free.length > 0
  }

  /** Those in use. */
  used(): number[] {
    const { slots, shape } = this.#memory
    const all = Array.from({ length: shape.slotsPerSeat }, (_, slot) => slot)
    return all.filter(slot => slots.state[this.#first + slot] !== FREE)
  }

  /** Only if one is free: the one that `begin` and `taken` or `giveUp` are about. */
  get next(): number {
    return this.#free.at(-1)!
  }

  seqOf(slot: number): number {
    return this.#memory.slots.seq[this.#first + slot]!
  }

  attemptsOf(slot: number): number {
    return this.#memory.slots.attempts[this.#first + slot]!
  }

  /** Before the lane moves beyond the record: a reader that sees the lane beyond it must find it here. */
  begin(seq: number): void {
    const { slots, index, shape } = this.#memory
    const at = this.#first + this.next
    slots.attempts[at] = index.attempts[seq & (shape.indexCapacity - 1)]!
    // SEQ before STATE: else the record that stood here before would be in hand again.
    Atomics.store(slots.seq, at, seq)
    Atomics.store(slots.state, at, TAKING)
  }

  /** Behind NEXT of the lane: only 'taking' says that the record may still be untaken. */
  taken(): number {
    const slot = this.#free.pop()!
    Atomics.store(this.#memory.slots.state, this.#first + slot, READY)
    return slot
  }

  giveUp(): void {
    Atomics.store(this.#memory.slots.state, this.#first + this.next, FREE)
  }

  setState(slot: number, state: SlotState, sinceMs: number | undefined, untilMs: number | undefined): void {
    const { slots } = this.#memory
    const at = this.#first + slot
    // Before STATE: what is read with a new state must not be the time of the one before.
    if (sinceMs !== undefined) slots.sinceUs[at] = sinceMs * 1000
    if (untilMs !== undefined) slots.untilUs[at] = untilMs * 1000
    Atomics.store(slots.state, at, SLOT_STATE_NUMBER[state])
  }

  setAttempts(slot: number, attempts: number): void {
    Atomics.store(this.#memory.slots.attempts, this.#first + slot, attempts)
  }

  free(slot: number): void {
    Atomics.store(this.#memory.slots.state, this.#first + slot, FREE)
    this.#free.push(slot)
  }
}
