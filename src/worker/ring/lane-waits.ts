import type { RingShape, SlotState } from '../../shared/memory/ring/ring-layout.ts'

/** Of the slots of a seat, that records which wait may take of one lane: with all of them, the other lanes would wait, too. */
const LANE_SHARE = 1 / 4

const RUNS = 0
const BEHIND = 1
const PARKED = 2

/** Records in hand of a seat that do not run, lane by lane: behind others of their keys, or parked for as long as their retry or their dead letter takes. */
export class LaneWaits {
  readonly #limit: number
  readonly #reasonBySlot: Uint8Array
  /** Per lane, for either reason. */
  readonly #waiting: Int32Array
  readonly #parked: Int32Array

  constructor({ lanes, slotsPerSeat }: RingShape) {
    this.#limit = lanes === 1 ? slotsPerSeat : Math.max(1, Math.floor(slotsPerSeat * LANE_SHARE))
    this.#reasonBySlot = new Uint8Array(slotsPerSeat)
    this.#waiting = new Int32Array(lanes)
    this.#parked = new Int32Array(lanes)
  }

  /** The state is another one as far as waiting goes: almost never. */
  wouldChange(slot: number, state: SlotState): boolean {
    return this.#reasonBySlot[slot] !== reasonOf(state)
  }

  change(slot: number, lane: number, state: SlotState): void {
    const before = this.#reasonBySlot[slot]!
    const after = reasonOf(state)
    this.#reasonBySlot[slot] = after
    this.#waiting[lane]! += Number(after !== RUNS) - Number(before !== RUNS)
    this.#parked[lane]! += Number(after === PARKED) - Number(before === PARKED)
  }

  /** So many records of the lane wait that it has to, too. */
  isFull(lane: number): boolean {
    return this.#waiting[lane]! >= this.#limit
  }

  /** Nobody knows for how long something of the lane stays in hand. */
  hasParked(lane: number): boolean {
    return this.#parked[lane]! > 0
  }
}

/** Once or twice per record. */
function reasonOf(state: SlotState): number {
  if (state === 'behind') return BEHIND
  return state === 'retry' || state === 'dead-letter' ? PARKED : RUNS
}
