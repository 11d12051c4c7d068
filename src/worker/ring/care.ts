import { monotonicMs } from '../../shared/clock.ts'
import type { CarefulStart } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import type { Permission } from '../attempts/permission.ts'
import type { AwaitedHands } from './awaited-hands.ts'
import type { Hand } from './hand.ts'

export interface CareParts {
  /** Null: it is an ordinary claim. */
  readonly careful: CarefulStart | null
  readonly permission: Permission
  /** Those of the seat. */
  readonly awaited: AwaitedHands
  /** Something that was alone still runs, and is alone no longer. */
  readonly runsOn: () => void
  /** Records may be taken that could not before. */
  readonly changed: () => void
}

/** Suspects that had run for long when the process died give the others so long a start, in all partitions of the member. */
const LATE_MS = 2_000
/** A record that runs for so long may not have the only place of its seat, and tells nothing of how much has been run. */
const LONG_MS = 1_000

/**
 * What a seat of a careful claim may begin: what is stored before it runs. That is the window that was announced last, and all
 * that was in hand then: so a record that hangs, or waits, holds up nothing. Suspects run one by one; one that hangs is waited
 * for as long as CarefulStart says, so that nothing else begins before it is fairly certain that its process does not die of it.
 */
export class Care {
  readonly #parts: CareParts
  /** Those that had run for longer. */
  readonly #suspectsInHand: ReadonlySet<Offset>
  /** Counts the records that were taken. */
  #taken = 0
  /** Those that were in hand when the window was announced were taken before. */
  #coveredBelow = 0
  /** Counts the windows, and the pauses of what hangs. */
  #turn = 0
  /** Async handlers under way that were begun in the present turn. */
  #fresh = 0
  /** The suspect that was announced last; null: others were. */
  #asked: Hand | null = null
  /** The suspect that is about to run, and has to wait for others or for its announcement. */
  #due: Hand | null = null
  /** The one that runs, and that others wait for. */
  #lone: Hand | null = null
  #late: Hand[] = []
  /** When it is their turn. */
  #lateAtMs = Infinity
  /** When a record may have run for so long that the seat has a place for another. */
  #placeAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #timerAtMs = Infinity
  #isOver = false

  constructor(parts: CareParts) {
    this.#parts = parts
    this.#suspectsInHand = new Set(parts.careful?.aloneInHand) // thousands
  }

  get isCareful(): boolean {
    return this.#parts.permission.isCareful
  }

  get waitsFor(): '' | 'announce' | 'alone' {
    const { waitsFor } = this.#parts.permission
    return waitsFor === '' && this.#due !== null && this.isBusy ? 'alone' : waitsFor
  }

  /** Nothing may begin beside the suspect that runs, or before the one that is due. */
  get isBusy(): boolean {
    return this.isCareful && (this.#lone !== null || (this.#due !== null && this.#mustWait))
  }

  /** A suspect can be run. */
  get hasReady(): boolean {
    return this.#due !== null || this.#isLateDue
  }

  /** Some have not run alone yet, as far as they are in hand. */
  get hasSuspects(): boolean {
    return this.#due !== null || this.#lone !== null || this.#late.length > 0
  }

  /** Places that async handlers do not take which have been under way for long, `most` of them. */
  placesBeside(most: number): number {
    if (!this.isCareful) return 0
    const beforeMs = monotonicMs() - LONG_MS
    let count = 0
    for (const { awaitingSinceMs } of this.#parts.awaited) {
      if (count === most || awaitingSinceMs! > beforeMs) return count
      count += 1
    }
    return count
  }

  /** A record was taken. */
  meet(hand: Hand): void {
    hand.takenAs = this.#taken++
    hand.isSuspect = this.isCareful && !hand.isUsedUp && this.#isSuspected(hand.offset)
  }

  /** True if it is to run when others have had their start: it is kept here until then. */
  putsOff(hand: Hand): boolean {
    if (!hand.isSuspect || !this.#suspectsInHand.has(hand.offset)) return false
    this.#late.push(hand)
    // From the first on: before it was taken, those of the window were not there either.
    if (this.#lateAtMs === Infinity) this.#lateAtMs = monotonicMs() + LATE_MS
    this.#lookAt(this.#lateAtMs)
    return true
  }

  /** The suspect that is due. */
  get due(): Hand | null {
    return this.#due
  }

  /** One that was put off, if it is time for that: the newest, as the oldest are most likely those that hang. */
  nextLate(): Hand | null {
    return this.#isLateDue ? this.#late.pop()! : null
  }

  /** False: it has to wait, for others or until it is stored that it runs. */
  mayBegin(hand: Hand): boolean {
    const { permission } = this.#parts
    if (!this.isCareful) return true
    if (hand.isSuspect) return this.#mayBeginAlone(hand)
    if (hand.takenAs < this.#coveredBelow || this.#isInWindow(hand.offset)) return true
    if (permission.waitsFor === '') this.#ask(hand, false)
    return false
  }

  /** Its handler is about to be called. */
  begins(hand: Hand): void {
    if (hand !== this.#due) return
    this.#due = this.#asked = null
    if (this.isCareful) this.#lone = hand
  }

  /** Its handler is under way. */
  awaits(hand: Hand): void {
    if (!this.isCareful) return
    hand.begunIn = this.#turn
    this.#fresh += 1
    if (hand === this.#lone) this.#lookAt(this.#trustAtMs)
  }

  /** It is under way no longer. */
  settles(hand: Hand): void {
    if (this.isCareful && hand.begunIn === this.#turn) this.#fresh -= 1
  }

  /** An attempt of it is over, and all that follows from that is in its slot. */
  ended(hand: Hand): void {
    if (hand === this.#lone) this.#endLone(this.#parts.awaited.count > 0)
  }

  /** Nothing of the seat can begin now. */
  rest(): void {
    const { permission, awaited } = this.#parts
    if (this.#lone === null) this.#endAlone(awaited.count > 0)
    // What has outrun its window tells nothing of how long that took.
    if (this.#fresh === 0) permission.pause()
    else this.#lookAt(this.#hangsAtMs)
  }

  /** The seat has no place for more: looks again when what runs may do so for long. */
  lookAgain(): void {
    if (!this.isCareful) return
    this.#placeAtMs = monotonicMs() + LONG_MS
    this.#lookAt(this.#placeAtMs)
  }

  /** Idempotent. */
  cancel(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  get #isLateDue(): boolean {
    return this.#late.length > 0 && (!this.isCareful || monotonicMs() >= this.#lateAtMs)
  }

  /** Others run, and not yet for so long that they are taken to hang. */
  get #mustWait(): boolean {
    return monotonicMs() < this.#trustAtMs
  }

  /** When all that runs has done so for long. */
  get #hangsAtMs(): number {
    return this.#allRunFor(LONG_MS)
  }

  /** When nobody waits any longer for what runs. */
  get #trustAtMs(): number {
    return this.#allRunFor(this.#parts.careful!.aloneForMs)
  }

  /** From when on all that runs has done so for as long; 0: nothing runs. */
  #allRunFor(ms: number): number {
    const { newestSinceMs } = this.#parts.awaited
    return newestSinceMs === null ? 0 : newestSinceMs + ms
  }

  #isSuspected(offset: Offset): boolean {
    const { aloneFrom, aloneBelow } = this.#parts.careful!
    return (offset >= aloneFrom && offset < aloneBelow) || this.#suspectsInHand.has(offset)
  }

  #isInWindow(offset: Offset): boolean {
    const { from, below } = this.#parts.permission
    return offset >= from && offset < below
  }

  #mayBeginAlone(hand: Hand): boolean {
    if (this.#parts.permission.waitsFor !== '') return false
    if (this.#asked === hand && this.#isInWindow(hand.offset)) return true
    this.#due = hand
    if (this.#mustWait) this.#lookAt(this.#trustAtMs)
    else this.#ask(hand, true)
    return false
  }

  #ask(hand: Hand, isOne: boolean): void {
    const { permission, awaited } = this.#parts
    this.#coveredBelow = this.#taken
    this.#asked = isOne ? hand : null
    this.#nextTurn()
    permission.ask(hand.offset, hand.offset + 1, isOne && awaited.count === 0, isOne)
  }

  #endLone(runsOn: boolean): void {
    this.#lone!.isSuspect = false
    this.#lone = null
    this.#endAlone(runsOn)
  }

  /** From now on nothing begins but what is announced anew. */
  #endAlone(runsOn: boolean): void {
    if (!this.#parts.permission.isAlone) return
    this.#coveredBelow = 0
    this.#parts.permission.endAlone(runsOn)
  }

  /** It has run for so long alone. */
  #trust(): void {
    const { permission, runsOn } = this.#parts
    const { isAlone } = permission
    permission.discount()
    this.#nextTurn()
    this.#endLone(true)
    if (!isAlone) runsOn()
  }

  #nextTurn(): void {
    this.#turn += 1
    this.#fresh = 0
  }

  #lookAt(atMs: number): void {
    if (atMs >= this.#timerAtMs || this.#isOver) return
    clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => this.#look(), Math.max(1, Math.ceil(atMs - monotonicMs())))
  }

  #look(): void {
    this.#timerAtMs = Infinity
    if (this.#lone !== null && this.#lone.awaitingSinceMs !== null && !this.#mustWait) this.#trust()
    const nowMs = monotonicMs()
    if (this.#fresh > 0 && nowMs >= this.#hangsAtMs) {
      this.#nextTurn()
      this.#parts.permission.pause()
    }
    const lateAtMs = this.#late.length > 0 ? this.#lateAtMs : 0
    for (const atMs of [lateAtMs, this.#placeAtMs, this.#hangsAtMs, this.#trustAtMs])
      if (atMs > nowMs) this.#lookAt(atMs)
    this.#parts.changed()
  }
}
