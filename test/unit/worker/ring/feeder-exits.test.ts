import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readRing } from '#src/shared/memory/ring/read-ring.js'
import { RingMemory, type RingStart } from '#src/shared/memory/ring/ring-memory.js'
import { settleFeed } from '#src/shared/memory/ring/settle-feed.js'
import { RingWriter } from '#src/worker/ring/ring-writer.js'
import { SeatMemory, type TakenRecord } from '#src/worker/ring/seat-memory.js'
import { CrashingRing } from '../../../support/crashing-ring.js'
import { readerOf, smallRing } from '../../../support/ring.js'

const RECORDS = 30
const SEATS = 2
/** So many steps a record is in hand: more than one lap of some lanes. */
const HELD = 7

interface Plan {
  readonly ordering: 'key' | 'none'
  readonly firstSeq: number
  /** The n-th feeder exits before this store of its own, from 0. */
  readonly exits: readonly number[]
  /** What a feeder that exits had not appended yet is gone from the log when the next one comes. */
  readonly isGone: boolean
}

const START: Record<Plan['ordering'], RingStart> = {
  key: { frontiers: [0, 6, 2], inHand: [{ offset: 1, attempts: 2 }] },
  none: { frontiers: [3], inHand: [{ offset: 1, attempts: 2 }] },
}

/** One lane has much, one little, and one rests for long. */
function laneOf(number: number): number {
  return number % 17 === 16 ? 2 : number % 3 === 1 ? 1 : 0
}

/** A log, the feeders that come one after the other, and two seats that go on all the while. */
class Run {
  exited = 0
  readonly #plan: Plan
  readonly #memory: RingMemory
  readonly #crashing: CrashingRing
  readonly #log: { offset: number; lane: number }[]
  readonly #expected: Set<number>
  readonly #seats: SeatMemory[]
  readonly #inHand: { taken: TakenRecord; seat: number; until: number }[] = []
  readonly #newest = new Map<number, number>()
  readonly #finished = new Set<number>()
  #frontiers: readonly number[]
  #writer: RingWriter | null = null
  #next = 0
  #step = 0

  constructor(plan: Plan) {
    const start = START[plan.ordering]
    this.#plan = plan
    this.#memory = smallRing({ ordering: plan.ordering, seats: SEATS }, start, plan.firstSeq)
    this.#crashing = new CrashingRing(this.#memory)
    this.#frontiers = start.frontiers
    this.#log = Array.from({ length: RECORDS }, (_, number) => ({
      offset: number + Math.floor(number / 5),
      lane: plan.ordering === 'key' ? laneOf(number) : 0,
    }))
    const isOpen = ({ offset, lane }: { offset: number; lane: number }): boolean =>
      offset >= start.frontiers[lane]! || start.inHand.some(one => one.offset === offset)
    this.#expected = new Set(this.#log.filter(isOpen).map(({ offset }) => offset))
    this.#seats = Array.from({ length: SEATS }, (_, seat) => new SeatMemory(this.#memory, seat))
  }

  /** All records are handled once, in the order of their lanes, as they are. */
  go(): void {
    while (!this.#isOver) this.#turn()
    const end = this.#log.at(-1)!.offset + 1
    assert.deepEqual(readRing(this.#memory), { frontiers: this.#frontiers.map(() => end), inHand: [] })
    assert.equal(this.#writer!.usedBytes(), 0)
  }

  get #isOver(): boolean {
    const isFed = this.#writer !== null && this.#memory.headOffset > this.#log.at(-1)!.offset
    return isFed && this.#finished.size === this.#expected.size
  }

  #turn(): void {
    assert.ok((this.#step += 1) < 1000, 'it goes on')
    if (this.#writer === null) {
      if (this.#step % 3 === 0) this.#nextFeeder() // seats go on meanwhile
    } else this.#feed(() => this.#feedOne())
    this.#check()
    const seat = this.#step % SEATS
    this.#take(seat)
    this.#finishDue()
    this.#seats[seat]!.yieldLanes()
    this.#check()
  }

  #nextFeeder(): void {
    settleFeed(this.#memory)
    this.#crashing.exitAfter(this.#plan.exits[this.exited] ?? Infinity)
    this.#feed(() => {
      this.#writer = new RingWriter(this.#crashing.memory)
    })
    const { headOffset } = this.#memory
    this.#next = this.#log.findIndex(({ offset }) => offset >= headOffset)
    if (this.#next < 0) this.#next = this.#log.length
  }

  #feed(work: () => void): void {
    if (!this.#crashing.exits(work)) return
    this.exited += 1
    this.#writer = null
    if (this.#plan.isGone) this.#forget()
  }

  #forget(): void {
    const record = this.#log[this.#next]
    if (record === undefined || !this.#expected.has(record.offset) || this.#next === RECORDS - 1) return
    const next = new RingWriter(RingMemory.attach(this.#memory.buffer.slice(0)))
    if (next.isFinished(record.offset, record.lane)) return
    this.#log.splice(this.#next, 1)
    this.#expected.delete(record.offset)
  }

  #feedOne(): void {
    const record = this.#log[this.#next]
    if (record === undefined) return
    const { offset, lane } = record
    const value = Buffer.alloc((offset * 13) % 90, offset)
    const writer = this.#writer!
    if (!writer.isFinished(offset, lane) && !writer.append(readerOf({ offset, value }), lane, offset)) return
    this.#next += 1
    if (this.#next % 3 === 0 || this.#next === this.#log.length) writer.publish(offset + 1)
  }

  #take(seat: number): void {
    const taken = this.#seats[seat]!.take()
    if (taken === null) return
    const { offset, lane, slot, attempts } = taken
    assert.ok(this.#expected.has(offset) && !this.#finished.has(offset), `${offset} is to be handled`)
    assert.ok(offset > (this.#newest.get(lane) ?? -1), `${offset} comes in the order of its lane, once`)
    assert.equal(attempts, offset === 1 ? 2 : 0)
    this.#newest.set(lane, offset)
    const { bytes, valueStart, valueEnd } = this.#seats[seat]!.read(taken)
    assert.equal(valueEnd - valueStart, (offset * 13) % 90)
    assert.ok(bytes.subarray(valueStart, valueEnd).every(byte => byte === offset))
    this.#seats[seat]!.setState(slot, 'awaited', 1)
    this.#inHand.push({ taken, seat, until: this.#step + (offset % HELD) })
  }

  #finishDue(): void {
    for (const one of this.#inHand.filter(({ until }) => until <= this.#step)) {
      this.#inHand.splice(this.#inHand.indexOf(one), 1)
      this.#seats[one.seat]!.finish(one.taken.slot)
      this.#finished.add(one.taken.offset)
    }
  }

  /** What is said to be finished is, and a lane never goes back. */
  #check(): void {
    const { frontiers, inHand } = readRing(this.#memory)
    frontiers.forEach((frontier, lane) => assert.ok(frontier >= this.#frontiers[lane]!, 'it went back'))
    this.#frontiers = frontiers
    for (const { offset, lane } of this.#log) {
      if (!this.#expected.has(offset) || this.#finished.has(offset)) continue
      const isSaid = offset < frontiers[lane]! && !inHand.some(one => one.offset === offset)
      assert.ok(!isSaid, `${offset} is said to be finished`)
    }
  }
}

/** Of the ring; with the second a seq is left out amid the records. */
const FIRST_SEQS = [0, -5]

describe('a feeder that exits', () => {
  for (const ordering of ['key', 'none'] as const)
    for (const isGone of [false, true]) {
      const gone = isGone ? ', also if what it was about to append is gone' : ''
      it(`between any two stores leaves a ring in which the next one goes on: nothing is lost, repeated or torn, in '${ordering}' order${gone}`, () => {
        for (const firstSeq of FIRST_SEQS) {
          let before = 0
          for (let exited = 1; exited > 0; before += 1) {
            const run = new Run({ ordering, firstSeq, exits: [before], isGone })
            run.go()
            exited = run.exited
          }
          assert.ok(before > 5 * RECORDS, `it exited before each of ${before} stores`)
        }
      })
    }

  it('leaves what the next one can go on with that exits as well', () => {
    fc.assert(
      fc.property(
        fc.record({
          ordering: fc.constantFrom('key', 'none'),
          firstSeq: fc.constantFrom(...FIRST_SEQS),
          exits: fc.array(fc.nat(60), { minLength: 2, maxLength: 8 }),
          isGone: fc.boolean(),
        }),
        plan => new Run(plan).go(),
      ),
      { numRuns: 300 },
    )
  })
})
