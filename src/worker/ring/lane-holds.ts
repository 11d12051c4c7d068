import { isClosed } from '../../shared/memory/ring/close-ring.ts'
import { guessDistance, isLaneEmpty } from '../../shared/memory/ring/lane-chain.ts'
import { HEADER, type SlotState } from '../../shared/memory/ring/ring-layout.ts'
import type { RingMemory } from '../../shared/memory/ring/ring-memory.ts'
import { wakeSleepers } from '../../shared/memory/ring/wake-seats.ts'
import { LeavingLanes } from './leaving-lanes.ts'
import { LaneWaits } from './lane-waits.ts'

/** So many records are taken of a lane in a row while some of it are in hand: to choose costs more the more lanes there are. */
const IN_A_ROW = 8
const NONE = -1

/**
 * `key` order: which lanes a seat holds: those of which it has records in hand, and the one that it takes from right now. So a seat that runs one
 * record at a time holds one lane; and of more than its share of the lanes it takes only while its own ones are empty.
 */
export class LaneHolds {
  readonly #memory: RingMemory
  readonly #me: number
  readonly #share: number
  readonly #inHand: Int32Array
  /** Records are taken in the order of the offsets, as far as that can be: nobody else takes any. */
  isInOrder = false
  readonly #leaving: LeavingLanes
  readonly #waits: LaneWaits
  #held = 0
  #current = NONE
  #left = 0

  constructor(memory: RingMemory, seat: number) {
    const { lanes, seats } = memory.shape
    this.#memory = memory
    this.#me = seat + 1
    this.#share = Math.ceil(lanes / seats)
    this.#inHand = new Int32Array(lanes)
    this.#leaving = new LeavingLanes(lanes, lane => this.#opened(lane))
    this.#waits = new LaneWaits(memory.shape)
    for (let lane = 0; lane < lanes; lane++) if (this.#isMine(lane)) this.#held++
  }

  /** Some lane has something to take. */
  get hasWork(): boolean {
    const { lanes } = this.#memory.shape
    for (let lane = 0; lane < lanes; lane++) if (this.#mayTake(lane, this.#isMine(lane))) return true
    return false
  }

  /** A lane that is held now and not empty; NONE (-1) if there is none. */
  choose(): number {
    const current = this.#current
    if (current !== NONE) {
      const mayGoOn = !this.isInOrder && (this.#inHand[current] === 0 || this.#left-- > 0)
      if (mayGoOn && this.#mayTake(current, true)) return current
      this.leave()
    }
    for (let lane = this.#furthestBehind(); lane !== NONE; lane = this.#furthestBehind())
      if (this.#hold(lane)) return this.#goTo(lane)
    return NONE
  }

  taken(lane: number): void {
    this.#inHand[lane]!++
  }

  /** The state of a slot with a record of a lane that is held; 'free': it is about to be. */
  isNow(slot: number, state: SlotState, laneOf: (slot: number) => number): void {
    if (!this.#waits.wouldChange(slot, state)) return
    const lane = laneOf(slot)
    const wasClosed = this.#isClosed(lane)
    this.#waits.change(slot, lane, state)
    if (this.#waits.hasParked(lane)) this.#leaving.delete(lane)
    if (wasClosed && !this.#isClosed(lane)) this.#opened(lane)
  }

  finished(lane: number): void {
    if (--this.#inHand[lane]! === 0 && lane !== this.#current) this.#release(lane)
  }

  /** The turn on the lane that is taken from is over. */
  leave(): void {
    const lane = this.#current
    if (lane === NONE) return
    this.#current = NONE
    if (this.#inHand[lane] === 0) this.#release(lane)
  }

  /**
   * Others have nothing to take: lanes beyond the share go to them, as soon as nothing of them is in hand. Not those with parked records: nothing
   * of them would be taken meanwhile, and a record that waits for its retry holds no more than its key. Nor those with records that hang: see there.
   */
  shareWithOthers(): void {
    if (this.#held <= this.#share || !this.#someoneSleeps()) return
    let leaving = this.#held - this.#share - this.#leaving.count
    for (let lane = this.#inHand.length - 1; lane >= 0 && leaving > 0; lane--) {
      if (this.#inHand[lane] === 0 || !this.#leaving.mayAdd(lane) || this.#waits.hasParked(lane)) continue
      this.#leaving.add(lane)
      leaving--
    }
  }

  /** The record at which a lane goes on that is furthest behind decides. A guess: see guessDistance. */
  #furthestBehind(): number {
    const { header, lanes, shape } = this.#memory
    const tail = header[HEADER.TAIL]!
    const mayHoldMore = this.isInOrder || this.#held < this.#share
    let best = NONE
    let bestFree = NONE
    let nearest = Infinity
    let nearestFree = Infinity
    for (let lane = 0; lane < shape.lanes; lane++) {
      const holder = lanes.holder[lane]!
      const isMine = holder === this.#me
      if (isMine ? this.#isClosed(lane) : holder !== 0) continue
      const distance = guessDistance(this.#memory, lane, tail)
      if (isMine || mayHoldMore) {
        if (distance < nearest) [best, nearest] = [lane, distance]
      } else if (distance < nearestFree) [bestFree, nearestFree] = [lane, distance]
    }
    return best === NONE ? bestFree : best
  }

  #mayTake(lane: number, isMine: boolean): boolean {
    if (isLaneEmpty(this.#memory, lane)) return false
    return isMine ? !this.#isClosed(lane) : Atomics.load(this.#memory.lanes.holder, lane) === 0
  }

  /** Nothing is taken of it for now, although it is held. */
  #isClosed(lane: number): boolean {
    return this.#leaving.has(lane) || this.#waits.isFull(lane)
  }

  /** This seat may have fallen asleep while nothing was to be taken of the lane. */
  #opened(lane: number): void {
    if (!isLaneEmpty(this.#memory, lane) && !isClosed(this.#memory)) wakeSleepers(this.#memory)
  }

  #hold(lane: number): boolean {
    if (this.#isMine(lane)) return !isLaneEmpty(this.#memory, lane)
    if (Atomics.compareExchange(this.#memory.lanes.holder, lane, 0, this.#me) !== 0) return false
    this.#held++
    // Chosen before it was held: another seat may have emptied it in between.
    if (!isLaneEmpty(this.#memory, lane)) return true
    this.#release(lane)
    return false
  }

  #goTo(lane: number): number {
    this.#current = lane
    this.#left = IN_A_ROW - 1
    return lane
  }

  #release(lane: number): void {
    this.#held--
    this.#leaving.forget(lane)
    Atomics.store(this.#memory.lanes.holder, lane, 0)
    // Behind that: a record that comes after this look is told of by the feeder, and whoever it wakes finds the lane free. Of a closed ring nobody
    // takes it: those that are woken for that would wake each other.
    if (!isLaneEmpty(this.#memory, lane) && !isClosed(this.#memory)) wakeSleepers(this.#memory)
  }

  #isMine(lane: number): boolean {
    return Atomics.load(this.#memory.lanes.holder, lane) === this.#me
  }

  #someoneSleeps(): boolean {
    return this.#memory.seats.sleeps.includes(1)
  }
}
