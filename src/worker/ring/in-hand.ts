import type { SlotState } from '../../shared/memory/ring/ring-layout.ts'
import { monotonicMs } from '../../shared/clock.ts'
import type { RetryWait } from '../attempts/failed-record.ts'
import { RetryWaits } from '../attempts/retry-waits.ts'
import type { Hand } from './hand.ts'
import { KeyOrder } from './key-order.ts'
import type { SeatRing } from './open-seat.ts'
import type { TakenRecord } from './seat-memory.ts'

export interface InHandParts {
  readonly ring: SeatRing
  readonly newHand: (slot: number) => Hand
  /** A record that waited for its next attempt is ready. */
  readonly due: () => void
}

/** The records in hand of a seat, as its slots say them: which are ready to be run, and what the others wait for. */
export class InHand {
  readonly #memory: SeatRing['memory']
  readonly #slots: number
  readonly #hasKeys: boolean
  readonly #newHand: InHandParts['newHand']
  /** By slot; made when first used. */
  readonly #hands: (Hand | undefined)[] = []
  /** In the order in which they are run. */
  readonly #ready: Hand[] = []
  readonly #keys = new KeyOrder<Hand>()
  readonly #retries: RetryWaits<Hand>
  #count = 0

  constructor({ ring, newHand, due }: InHandParts) {
    this.#memory = ring.memory
    this.#slots = ring.slots
    this.#hasKeys = ring.ordering === 'key'
    this.#newHand = newHand
    this.#retries = new RetryWaits(hand => {
      hand.retry = null
      this.queue(hand)
      due()
    })
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count >= this.#slots
  }

  get hasReady(): boolean {
    return this.#ready.length > 0
  }

  get hasRetries(): boolean {
    return !this.#retries.isEmpty
  }

  /** Those that are in a slot. */
  get all(): Hand[] {
    return this.#hands.filter((hand): hand is Hand => hand !== undefined && hand.state !== 'free')
  }

  /** Of the lowest offset; null if nothing is in hand. */
  get first(): Hand | null {
    let first: Hand | null = null
    for (const hand of this.all) {
      if (first === null || hand.offset < first.offset) first = hand
    }
    return first
  }

  /** What was taken: 'ready', but not in the queue, or 'behind' another record of its key. */
  take(taken: TakenRecord): Hand {
    const hand = (this.#hands[taken.slot] ??= this.#newHand(taken.slot))
    hand.take(taken)
    if (!this.#hasKeys) hand.hash = null
    hand.state = 'ready' // as its slot has it
    this.#count += 1
    if (this.#keys.mustWait(hand)) this.set(hand, 'behind', monotonicMs())
    return hand
  }

  /** In its slot, too. */
  set(hand: Hand, state: Exclude<SlotState, 'free' | 'taking'>, sinceMs?: number, untilMs?: number): void {
    hand.state = state
    this.#memory.setState(hand.slot, state, sinceMs, untilMs)
  }

  /** It stays in hand, and others of its key are behind it. */
  hold(hand: Hand): void {
    this.#keys.hold(hand)
  }

  /** Ready, behind the others that are. */
  queue(hand: Hand): void {
    this.set(hand, 'ready')
    this.#ready.push(hand)
  }

  /** Ready, before the others. */
  putBack(hand: Hand): void {
    this.hold(hand)
    this.set(hand, 'ready')
    this.#ready.unshift(hand)
  }

  /** Takes the next that is ready out of the queue, or this one; null if none is. */
  next(wanted?: Hand): Hand | null {
    if (wanted === undefined) return this.#ready.shift() ?? null
    const index = this.#ready.indexOf(wanted)
    return index < 0 ? null : this.#ready.splice(index, 1)[0]!
  }

  /** With its key, until it is run again. */
  waitForRetry(hand: Hand, { sinceMs, atMs }: RetryWait): void {
    hand.forgetRecord()
    this.set(hand, 'retry', sinceMs, atMs)
    this.#retries.add(hand, atMs)
  }

  /** It is finished, as its slot says before another handler is called; who was behind it is ready. */
  finish(hand: Hand): void {
    this.#memory.finish(hand.slot)
    const next = this.#keys.release(hand)
    hand.clear()
    this.#count -= 1
    if (next !== null) this.queue(next)
  }

  /** Nothing waits for its next attempt any more. Idempotent. */
  cancel(): void {
    this.#retries.cancel()
  }
}
