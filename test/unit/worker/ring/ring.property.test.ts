import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { RecordInHand } from '#src/shared/memory/remainder-memory.js'
import { clearSeat, readRing } from '#src/shared/memory/ring/read-ring.js'
import { SeatMemory, type TakenRecord } from '#src/worker/ring/seat-memory.js'
import { RingWriter } from '#src/worker/ring/ring-writer.js'
import { readerOf, smallRing } from '../../../support/ring.js'

const SEATS = 2
const SLOTS_PER_SEAT = 3

const STEPS = [
  'append',
  'publish',
  'take',
  'finish',
  'fail',
  'yield',
  'seat-dies',
  'feeder-dies',
  'claim',
] as const
type StepKind = (typeof STEPS)[number]

const steps = fc.array(
  fc.record({
    // Those that make a history go on more often than those that end something.
    kind: fc.constantFrom<StepKind>(
      'append',
      'append',
      'append',
      'publish',
      'take',
      'take',
      'take',
      'finish',
      'finish',
      'finish',
      ...STEPS,
    ),
    seat: fc.nat(SEATS - 1),
    pick: fc.nat(1000),
  }),
  { maxLength: 300 },
)

interface Known {
  readonly offset: number
  readonly lane: number
  isAppended: boolean
  isPublished: boolean
  isTaken: boolean
  isFinished: boolean
  attempts: number
}

/** What ought to be true of a ring, and the ring. */
class History {
  readonly #lanes: number
  readonly #ordering: 'key' | 'none'
  readonly #firstSeq: number
  readonly #records: Known[] = []
  #memory
  #writer: RingWriter
  #seats: SeatMemory[]
  #inHand: TakenRecord[][] = []
  #next = 0
  #head = 0
  #frontiers: readonly number[]

  constructor(lanes: number, firstSeq: number) {
    this.#lanes = lanes
    this.#ordering = lanes === 1 ? 'none' : 'key'
    this.#firstSeq = firstSeq
    this.#frontiers = new Array<number>(lanes).fill(0)
    this.#memory = this.#claim(this.#frontiers, [])
    this.#writer = new RingWriter(this.#memory)
    this.#seats = this.#takeSeats()
  }

  do(kind: StepKind, seat: number, pick: number): void {
    switch (kind) {
      case 'append': {
        this.#append(pick)
        return
      }
      case 'publish': {
        this.#publish()
        return
      }
      case 'take': {
        this.#take(seat)
        return
      }
      case 'finish': {
        this.#finish(seat, pick)
        return
      }
      case 'fail': {
        this.#fail(seat, pick)
        return
      }
      case 'yield': {
        this.#seats[seat]!.yieldLanes()
        return
      }
      case 'seat-dies': {
        this.#seatDies(seat)
        return
      }
      case 'feeder-dies': {
        this.#feederDies()
        return
      }
      case 'claim': {
        this.#claimAnew()
        return
      }
    }
  }

  /** Everything that is there gets finished. */
  end(): void {
    for (let rest = 0; rest < 1000; rest++) {
      for (let seat = 0; seat < SEATS; seat++) {
        this.#finish(seat, 0)
        this.#take(seat)
        this.#finish(seat, 0)
        this.#seats[seat]!.yieldLanes()
      }
      if (this.#next < this.#records.length) this.#append(0)
    }
    this.#publish()
    this.check()
    assert.deepEqual(
      this.#records.filter(({ isFinished }) => !isFinished),
      [],
    )
    assert.equal(this.#writer.usedBytes(), 0)
  }

  check(): void {
    const { frontiers, inHand } = readRing(this.#memory)
    frontiers.forEach((frontier, lane) =>
      assert.ok(frontier >= this.#frontiers[lane]!, 'a frontier went back'),
    )
    this.#frontiers = frontiers
    const attemptsOf = new Map(inHand.map(({ offset, attempts }) => [offset, attempts]))
    for (const { offset, lane, isFinished, isPublished, attempts } of this.#records) {
      const said = offset < frontiers[lane]! && !attemptsOf.has(offset)
      if (said) assert.ok(isFinished, `${offset} is said to be finished`)
      else assert.ok(!isFinished || !isPublished, `${offset} is finished, which is not said`)
      if (attemptsOf.has(offset)) assert.equal(attemptsOf.get(offset), attempts)
    }
    assert.deepEqual(
      [...attemptsOf.keys()],
      [...attemptsOf.keys()].sort((a, b) => a - b),
    )
    assert.equal(attemptsOf.size, inHand.length)
  }

  #append(pick: number): void {
    if (this.#next === this.#records.length) {
      const offset = (this.#records.at(-1)?.offset ?? 0) + 1 + (pick % 3)
      const lane = Math.floor(pick / 3) % this.#lanes
      this.#records.push({
        offset,
        lane,
        isAppended: false,
        isPublished: false,
        isTaken: false,
        isFinished: false,
        attempts: 0,
      })
    }
    const record = this.#records[this.#next]!
    if (this.#writer.isFinished(record.offset, record.lane)) {
      assert.ok(record.isFinished || record.isAppended)
      this.#next++
      return
    }
    assert.ok(!record.isFinished && !record.isAppended)
    // A finished record is finished from the claim on, and one that is not must be told from it.
    const reader = readerOf({ offset: record.offset, value: Buffer.alloc(pick % 150, record.offset) })
    if (!this.#writer.append(reader, record.lane, record.offset)) return
    record.isAppended = true
    this.#next++
  }

  #publish(): void {
    this.#head = this.#records[this.#next]?.offset ?? (this.#records.at(-1)?.offset ?? 0) + 1
    this.#writer.publish(this.#head)
    for (const record of this.#records) if (record.offset < this.#head) record.isPublished = true
  }

  #take(seat: number): void {
    const could = this.#seats[seat]!.canTake()
    const taken = this.#seats[seat]!.take()
    assert.equal(taken !== null, could)
    if (taken === null) return
    const record = this.#recordOf(taken)
    assert.ok(record.isAppended && !record.isTaken)
    assert.equal(taken.attempts, record.attempts)
    const before = this.#records.filter(({ lane, offset }) => lane === record.lane && offset < record.offset)
    assert.ok(
      before.every(({ isTaken, isFinished }) => isTaken || isFinished),
      'a record was left out',
    )
    const others = this.#inHand.filter((_, other) => other !== seat).flat()
    if (this.#ordering === 'key')
      assert.ok(
        others.every(({ lane }) => lane !== record.lane),
        'two seats have one lane',
      )
    record.isTaken = true
    const { bytes, valueStart, valueEnd } = this.#seats[seat]!.read(taken)
    assert.ok(bytes.subarray(valueStart, valueEnd).every(byte => byte === record.offset % 256))
    this.#seats[seat]!.setState(taken.slot, 'awaited', 1)
    this.#inHand[seat]!.push(taken)
  }

  #finish(seat: number, pick: number): void {
    const inHand = this.#inHand[seat]!
    const [taken] = inHand.splice(pick % Math.max(inHand.length, 1), 1)
    if (taken === undefined) return
    this.#seats[seat]!.finish(taken.slot)
    this.#recordOf(taken).isFinished = true
  }

  #fail(seat: number, pick: number): void {
    const taken = this.#inHand[seat]![pick % SLOTS_PER_SEAT]
    if (taken === undefined) return
    this.#seats[seat]!.setAttempts(taken.slot, ++this.#recordOf(taken).attempts)
    this.#seats[seat]!.setState(taken.slot, 'retry', 1, 2)
  }

  #seatDies(seat: number): void {
    clearSeat(this.#memory, seat)
    this.#seats[seat] = new SeatMemory(this.#memory, seat)
    const expected = this.#inHand[seat]!.map(({ offset }) => offset).sort((a, b) => a - b)
    this.#inHand[seat] = this.#seats[seat].inherited()
    assert.deepEqual(
      this.#inHand[seat].map(({ offset }) => offset),
      expected,
    )
    for (const taken of this.#inHand[seat]) assert.equal(taken.attempts, this.#recordOf(taken).attempts)
  }

  /** The next one begins where progress is. */
  #feederDies(): void {
    this.#writer = new RingWriter(this.#memory)
    this.#seek(this.#head)
  }

  #claimAnew(): void {
    const { frontiers, inHand } = readRing(this.#memory)
    for (const record of this.#records) {
      // What was finished beyond the head is run again: nobody could know.
      if (!record.isPublished && record.isAppended) record.isFinished = false
      record.isAppended = record.isTaken = record.isPublished = false
      if (!inHand.some(({ offset }) => offset === record.offset)) record.attempts = 0
    }
    this.#memory = this.#claim(frontiers, inHand)
    this.#writer = new RingWriter(this.#memory)
    this.#seats = this.#takeSeats()
    this.#head = Math.min(...frontiers, ...inHand.map(({ offset }) => offset))
    for (const record of this.#records) record.isPublished = record.isFinished
    this.#seek(this.#head)
  }

  #claim(frontiers: readonly number[], inHand: readonly RecordInHand[]) {
    return smallRing(
      { ordering: this.#ordering, seats: SEATS, slotsPerSeat: SLOTS_PER_SEAT },
      { frontiers, inHand },
      this.#firstSeq,
    )
  }

  #takeSeats(): SeatMemory[] {
    this.#inHand = Array.from({ length: SEATS }, () => [])
    return Array.from({ length: SEATS }, (_, seat) => new SeatMemory(this.#memory, seat))
  }

  #seek(offset: number): void {
    const at = this.#records.findIndex(record => record.offset >= offset)
    this.#next = at < 0 ? this.#records.length : at
  }

  #recordOf({ offset }: TakenRecord): Known {
    return this.#records.find(record => record.offset === offset)!
  }
}

describe('a ring under any history', () => {
  for (const lanes of [1, 3])
    it(`says of ${lanes === 1 ? "'none'" : "'key'"} order what is finished, and nothing else, and loses no record`, () => {
      fc.assert(
        fc.property(steps, fc.constantFrom(0, -1, -5, 2 ** 31 - 3), (history, firstSeq) => {
          const run = new History(lanes, firstSeq)
          for (const { kind, seat, pick } of history) {
            run.do(kind, seat, pick)
            run.check()
          }
          run.end()
        }),
        { numRuns: 300 },
      )
    })
})
