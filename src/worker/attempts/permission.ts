import { monotonicMs } from '../../shared/clock.ts'
import type { Announcement, CarefulStart } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'

/** Announcement, as far as it is told by what is about to run. */
export type Asked = Omit<Announcement, 'hasSuspects'>

export interface PermissionParts {
  /** Null: the lane runs what it likes. */
  readonly careful: Pick<CarefulStart, 'aloneFrom' | 'aloneBelow'> | null
  /** End of the partition as far as it is known; -1: it is not. */
  readonly highWatermark: () => Offset
  /** See CoordinatorApi. */
  readonly announce: (announcement: Asked) => Promise<boolean>
  /** See CoordinatorApi. */
  readonly aloneOver: (runsOn: boolean) => void
  /** Records may run that might not before. */
  readonly changed: () => void
}

/** What is run between two announcements: each costs a commit, and after a death all of it is run alone. */
const WINDOW_MS = 25
const MAX_WINDOW = 1_000
/** One window is up to so many times as long as the one before: a guess from a few fast records is a bad one. */
const MAX_GROWTH = 8

/**
 * Which records a lane may run. One of a careful claim has to announce them, and runs them once that is stored: so that it
 * is known what might run when the process dies. Windows grow from one record to about as much as their commit is worth.
 */
export class Permission {
  readonly #parts: PermissionParts
  #isCareful: boolean
  #from: Offset = 0
  #below: Offset
  #isAlone = false
  #waitsFor: '' | 'announce' | 'alone' = ''
  /** Offsets of the window that may run, and of the next one at most. */
  #length = 1
  #nextLength = 1
  /** Since when it runs; null: it does not. */
  #runningSinceMs: number | null = null
  /** For how long it has. */
  #ranMs = 0

  constructor(parts: PermissionParts) {
    this.#parts = parts
    this.#isCareful = parts.careful !== null
    this.#below = this.#isCareful ? 0 : Infinity
  }

  /** Records have to be announced before they run. */
  get isCareful(): boolean {
    return this.#isCareful
  }

  /** Where what was announced begins. */
  get from(): Offset {
    return this.#from
  }

  /** Records below may run. */
  get below(): Offset {
    return this.#below
  }

  /** The record that may run is to be the only one in its process. */
  get isAlone(): boolean {
    return this.#isAlone
  }

  /** What has to happen before anything may run. */
  get waitsFor(): '' | 'announce' | 'alone' {
    return this.#waitsFor
  }

  /** Of the records from there on, so many may be called together. */
  batchAt(offset: Offset): number {
    if (!this.#isCareful) return Infinity
    if (this.#mustBeAlone(offset)) return 1
    return offset < this.#below ? this.#below - offset : this.#lengthAt(offset)
  }

  /** True if all from `offset` up to below `end` may run; else that is asked for, and told by `changed`. */
  covers(offset: Offset, end: Offset): boolean {
    if (end <= this.#below) return true
    if (this.#waitsFor === '') this.ask(offset, end, end === offset + 1 && this.#mustBeAlone(offset))
    return false
  }

  /** Asks for all from `from` up to below `end`, and unless that `isAll` for so much behind it that the commit is worth it. */
  ask(from: Offset, end: Offset, isAlone: boolean, isAll = isAlone): void {
    this.endAlone() // of the record before
    this.pause()
    const ranMs = this.#ranMs
    this.#fit(ranMs)
    this.#ranMs = 0
    const to = isAll ? end : Math.max(end, from + this.#lengthAt(from))
    this.#length = to - from
    this.#waitsFor = isAlone ? 'alone' : 'announce'
    this.#parts.announce({ from, to, isAlone, ranMs }).then(
      isOver => this.#allow(isOver ? 0 : from, isOver ? Infinity : to, isAlone && !isOver),
      () => {}, // the lane is being ended, and whoever does that waits for nothing of this
    )
  }

  /** The lane begins to take records. */
  begin(): void {
    if (this.#isCareful && this.#waitsFor === '') this.#runningSinceMs ??= monotonicMs()
  }

  /** It has nothing to run. */
  pause(): void {
    if (this.#runningSinceMs !== null) this.#ranMs += monotonicMs() - this.#runningSinceMs
    this.#runningSinceMs = null
  }

  /** What runs hangs: that it has run since `begin` does not count. */
  discount(): void {
    this.#runningSinceMs = null
  }

  /**
   * The attempt that was alone is over, or does not begin: the others may go on, and the next attempt is asked for anew.
   * `runsOn`: something of the lane still runs.
   */
  endAlone(runsOn = false): void {
    if (!this.#isAlone) return
    this.pause()
    this.#isAlone = false
    this.#below = 0
    this.#parts.aloneOver(runsOn)
  }

  #allow(from: Offset, below: Offset, isAlone: boolean): void {
    this.#waitsFor = ''
    this.#from = from
    this.#below = below
    this.#isAlone = isAlone
    this.#isCareful = below !== Infinity
    this.#parts.changed()
  }

  #mustBeAlone(offset: Offset): boolean {
    const { careful } = this.#parts
    return careful !== null && offset >= careful.aloneFrom && offset < careful.aloneBelow
  }

  /** Up to the end as far as it is known, and to the records that are to be alone. */
  #lengthAt(from: Offset): number {
    const { careful, highWatermark } = this.#parts
    const to = Math.min(from + this.#nextLength, Math.max(from + 1, highWatermark()))
    return (from < careful!.aloneFrom ? Math.min(to, careful!.aloneFrom) : to) - from
  }

  #fit(ranMs: number): void {
    if (ranMs === 0) return // nothing has run yet
    const fitting = Math.floor((this.#length * WINDOW_MS) / ranMs)
    this.#nextLength = Math.max(1, Math.min(fitting, this.#length * MAX_GROWTH, MAX_WINDOW))
  }
}
