import assert from 'node:assert/strict'
import { CarefulClaim } from '#src/coordinator/progress/careful-claim.js'
import { claimedBy, normally } from '#src/coordinator/progress/open-claim.js'
import { findKiller } from '#src/coordinator/progress/process-killer.js'
import { decodeProgress, encodeProgress } from '#src/coordinator/progress/progress-format.js'
import { progressAt, type Progress } from '#src/coordinator/progress/progress.js'
import type { CarefulStart } from '#src/shared/protocol.js'

export interface DeadlyLog {
  readonly records: number
  readonly killer: number
  /** The killer runs for a while before it kills. */
  readonly isSlow: boolean
  readonly hanging: ReadonlySet<number>
  readonly places: number
  /** What chance decides: whole numbers. */
  readonly choose: (below: number) => number
}

export interface Lives {
  readonly deaths: number
  readonly blamed: number
}

class Death extends Error {}

/** Processes that work off one partition in `none` order, one after the other, each until its killer kills it. */
export function liveInRing(log: DeadlyLog, attempts: number): Lives {
  let stored: Progress = { ...progressAt(0, 'id'), ordering: 'none' }
  for (let deaths = 0; ; deaths += 1) {
    const claimed = claimedBy(stored, `process ${deaths}`)
    const { killer, progress } = findKiller(claimed, attempts)
    if (killer !== null) return { deaths, blamed: killer.offset }
    assert.ok(deaths < 20, 'nothing is ever found')
    const life = new RingLife(log, progress)
    stored = life.run()
  }
}

/** Of one process. What it runs is what a seat would (src/worker/ring/care.ts). */
class RingLife {
  readonly #log: DeadlyLog
  readonly #careful: CarefulClaim | null
  readonly #start: CarefulStart | null
  #frontier: number
  /** With the attempts that failed. */
  readonly #inHand: Map<number, number>
  readonly #running = new Set<number>()
  readonly #suspects = new Set<number>()
  #window = { from: 0, to: 0 }
  #covered = new Set<number>()
  #isLoneHere = false
  #stored: Progress

  constructor(log: DeadlyLog, found: Progress) {
    this.#log = log
    this.#careful = CarefulClaim.of(found, Infinity)
    this.#start = this.#careful?.start ?? null
    this.#frontier = found.frontiers[0]!
    this.#inHand = new Map(found.inHand.map(({ offset, attempts: failed }) => [offset, failed]))
    this.#stored = found
    for (let offset = 0; offset < log.records; offset += 1)
      if (this.#isSuspected(offset)) this.#suspects.add(offset)
  }

  /** What is stored when it dies. */
  run(): Progress {
    this.#commit()
    try {
      for (;;) this.#step()
    } catch (error) {
      if (!(error instanceof Death)) throw error
    }
    this.#assertKnown()
    return decodeProgress(encodeProgress(this.#stored), 'progress')
  }

  #step(): void {
    const what = this.#log.choose(4)
    if (what === 0) this.#commit()
    else if (what === 1) this.#finishOne()
    else this.#beginNext()
  }

  #beginNext(): void {
    const next = this.#next()
    if (
      next === null ||
      (this.#running.size >= this.#log.places + this.#log.hanging.size && !this.#suspects.has(next))
    ) {
      this.#finishOne()
      return
    }
    if (next >= this.#frontier) {
      this.#frontier = next + 1
      this.#inHand.set(next, 0)
    }
    if (this.#suspects.has(next)) this.#runAlone(next)
    else this.#runBeside(next)
  }

  /** Suspects of the window, then those that had run for longer, the newest first, then anything. */
  #next(): number | null {
    const { hanging } = this.#log
    const ready = [...this.#inHand.keys()].filter(offset => !this.#running.has(offset)).sort((a, b) => a - b)
    const fresh = this.#frontier < this.#log.records ? this.#frontier : null
    const all = [...ready, ...(fresh === null ? [] : [fresh])]
    const isOfWindow = (offset: number): boolean =>
      this.#suspects.has(offset) && !this.#start!.aloneInHand.includes(offset)
    const isLate = (offset: number): boolean => this.#suspects.has(offset) && !isOfWindow(offset)
    const mayBeLate = this.#log.choose(2) === 0
    assert.ok(all.length > 0 || this.#running.size > hanging.size - 1, 'nothing is left, and it lives')
    return (
      all.find(isOfWindow) ??
      (mayBeLate ? all.findLast(isLate) : undefined) ??
      all.find(one => !isLate(one)) ??
      all.at(-1) ??
      null
    )
  }

  #runBeside(offset: number): void {
    const isStored = (offset >= this.#window.from && offset < this.#window.to) || this.#covered.has(offset)
    if (this.#careful !== null && !isStored) this.#announce(offset, offset + 1 + this.#log.choose(8), false)
    this.#begin(offset)
  }

  #runAlone(offset: number): void {
    while (this.#running.size > this.#hangingNow && this.#finishOne());
    const isAlone = this.#running.size === 0
    this.#announce(offset, offset + 1, isAlone)
    this.#isLoneHere = true
    this.#begin(offset)
    if (offset === this.#log.killer) throw new Death()
    this.#isLoneHere = false
    this.#suspects.delete(offset)
    if (this.#log.hanging.has(offset)) this.#careful!.goesOn()
    else {
      this.#finish(offset)
      if (isAlone) this.#careful!.rest()
    }
    this.#window = { from: 0, to: 0 }
    this.#covered.clear()
    this.#commit()
  }

  get #hangingNow(): number {
    return [...this.#running].filter(offset => this.#log.hanging.has(offset)).length
  }

  #announce(from: number, end: number, isAlone: boolean): void {
    const to = Math.min(end, Math.max(from + 1, this.#log.records))
    const hasSuspects = [...this.#suspects].some(offset => this.#inHand.has(offset))
    assert.equal(this.#careful!.ran({ from, to, isAlone, hasSuspects, ranMs: 1 }, this.#positions), false)
    this.#careful!.announced({ from, to, isAlone })
    this.#window = { from, to }
    this.#covered = new Set(this.#inHand.keys())
    this.#commit()
  }

  #begin(offset: number): void {
    this.#running.add(offset)
    const { killer, isSlow } = this.#log
    if (offset === killer && !isSlow) throw new Death()
  }

  /** False: all that runs hangs. The killer kills at what would be its end. */
  #finishOne(): boolean {
    const ending = [...this.#running].filter(offset => !this.#log.hanging.has(offset))
    const offset = ending[this.#log.choose(ending.length)]
    if (offset === undefined) return false
    if (offset === this.#log.killer) throw new Death()
    this.#finish(offset)
    return true
  }

  #finish(offset: number): void {
    this.#running.delete(offset)
    this.#inHand.delete(offset)
  }

  get #positions(): Pick<Progress, 'ordering' | 'frontiers' | 'inHand'> {
    const inHand = [...this.#inHand].sort(([a], [b]) => a - b)
    return {
      ordering: 'none',
      frontiers: [this.#frontier],
      inHand: inHand.map(([offset, attempts]) => ({ offset, attempts })),
    }
  }

  #commit(): void {
    const positions = this.#positions
    const process = this.#stored.open!.process
    const open = { ...(this.#careful?.openAt(positions) ?? normally()), process }
    this.#stored = { ...this.#stored, ...positions, open }
  }

  #isSuspected(offset: number): boolean {
    if (this.#start === null) return false
    const { aloneFrom, aloneBelow, aloneInHand } = this.#start
    return (offset >= aloneFrom && offset < aloneBelow) || aloneInHand.includes(offset)
  }

  /** Whatever ran is suspected by the next one; and if one was alone, it was. */
  #assertKnown(): void {
    if (this.#careful === null) return
    const { window, isAtRest } = this.#stored.open!
    assert.equal(isAtRest, false, 'it runs, and is at rest')
    if (window!.isAlone) assert.deepEqual([[...this.#running], this.#isLoneHere], [[window!.from], true])
    const next = CarefulClaim.of(claimedBy(this.#stored, 'next'), Infinity)!.start
    for (const offset of this.#running)
      assert.ok(
        (offset >= next.aloneFrom && offset < next.aloneBelow) || next.aloneInHand.includes(offset),
        `${offset} ran, and is not suspected`,
      )
  }
}
