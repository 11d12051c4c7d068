import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import type { BatchContext, KafkaRecord } from '#src/handler.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import type { OnFailure } from '#src/shared/protocol.js'
import { eventually } from '../../../support/eventually.ts'
import { copyOf, LaneBench } from '../../../support/lane-bench.ts'

/** What an attempt does. `throw` fails the whole call, `fail` the one record of a batch. */
type Act = 'ok' | 'throw' | 'fail'
type Disturbance = 'drain' | 'pause' | 'death in the handler' | 'death at any moment'

interface Scenario {
  readonly gaps: readonly number[]
  /** By record, by attempt; what is not said succeeds. */
  readonly acts: readonly (readonly Act[])[]
  readonly isAsync: readonly boolean[]
  readonly attempts: number
  readonly backoffMs: number
  readonly onFailure: Exclude<OnFailure, 'stop'>
  readonly batchSize: number
  readonly byBatch: boolean
  readonly batchWaitMs: number
  readonly chunk: number
  /** By call of the handler, counted from 1. */
  readonly disturbances: ReadonlyMap<number, Disturbance>
}

const MAX_RECORDS = 8
const scenarios: fc.Arbitrary<Scenario> = fc.record({
  gaps: fc.array(fc.constantFrom(1, 1, 1, 3), { minLength: 1, maxLength: MAX_RECORDS }),
  acts: fc.array(fc.array(fc.constantFrom<Act>('ok', 'throw', 'throw', 'fail'), { maxLength: 4 }), {
    minLength: MAX_RECORDS,
    maxLength: MAX_RECORDS,
  }),
  isAsync: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  attempts: fc.integer({ min: 1, max: 4 }),
  backoffMs: fc.constantFrom(0, 0, 1),
  onFailure: fc.constantFrom('skip' as const, 'dead-letter' as const),
  batchSize: fc.constantFrom(1, 2, 3, 10),
  byBatch: fc.boolean(),
  batchWaitMs: fc.constantFrom(0, 0, 3),
  chunk: fc.integer({ min: 1, max: MAX_RECORDS }),
  disturbances: fc
    .array(
      fc.tuple(
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom<Disturbance>('drain', 'pause', 'death in the handler', 'death at any moment'),
      ),
      { maxLength: 3 },
    )
    .map(pairs => new Map(pairs)),
})

const NEVER = new Promise<never>(() => {})

/** Plays a scenario on lanes that follow each other on the same memory, and keeps a record of its own beside it. */
class Play {
  readonly #of: Scenario
  readonly #log: { offset: number; value: Buffer }[] = []
  readonly #failed = new Map<number, number>()
  readonly #finished = new Map<number, number>()
  readonly #runs = new Map<number, number>()
  /** In hand when a thread died. */
  readonly #lost = new Set<number>()
  #calls = 0
  #life = 0
  #memory: LaneMemory
  #bench: LaneBench | null = null
  #inHand: readonly number[] = []
  #broken: Error | null = null

  constructor(of: Scenario) {
    this.#of = of
    let offset = -1
    for (const gap of of.gaps) this.#log.push({ offset: (offset += gap), value: Buffer.from(`${offset}`) })
    this.#memory = LaneMemory.create(0, of.byBatch ? of.batchSize : 1)
  }

  async run(): Promise<void> {
    await this.#begin()
    try {
      await eventually(
        () => {
          this.#checkFloor()
          if (this.#broken !== null) throw this.#broken
          return this.#log.every(({ offset }) => this.#finished.has(offset))
        },
        { intervalMs: 1, deadlineMs: 5_000, message: () => `floor ${this.#memory.floor}` },
      )
      await eventually(() => this.#memory.floor > this.#log.at(-1)!.offset, { intervalMs: 1 })
      this.#checkEnd()
    } finally {
      this.#life += 1
      this.#bench?.kill()
    }
  }

  async #begin(): Promise<void> {
    const { attempts, backoffMs, onFailure, batchSize, byBatch, batchWaitMs, chunk } = this.#of
    const life = (this.#life += 1)
    this.#bench = new LaneBench({
      log: this.#log,
      memory: this.#memory,
      chunk,
      module: this.#module(life),
      settings: {
        retry: { attempts, backoffMs, maxBackoffMs: backoffMs, jitter: 0 },
        onFailure,
        batchSize: byBatch ? batchSize : 1,
        batchWaitMs: byBatch ? batchWaitMs : 0,
      },
      deadLetter: async ({ offset, attempts: used }) => {
        await nextTurn()
        if (life !== this.#life) return // its thread is dead
        this.#expect(used === attempts, `${offset} is given up after ${used}`)
        this.#finish(offset)
      },
    })
    await this.#bench.start()
    this.#bench.messages.push = (...messages) => {
      for (const { outcome, offset } of messages) if (outcome === 'skipped') this.#finish(offset)
      return 0
    }
  }

  #module(life: number): object {
    return this.#of.byBatch
      ? {
          decode: 'string',
          handleBatch: (records: readonly KafkaRecord[], context: BatchContext) =>
            this.#call(life, records, (record, error) => context.fail(record, error)),
        }
      : { decode: 'string', handle: (record: KafkaRecord) => this.#call(life, [record], null) }
  }

  #call(
    life: number,
    records: readonly KafkaRecord[],
    fail: ((record: KafkaRecord, error: Error) => void) | null,
  ): unknown {
    if (life !== this.#life) return NEVER // a dead thread runs nothing
    const offsets = records.map(({ offset }) => Number(offset))
    this.#inHand = offsets
    this.#calls += 1
    this.#checkCall(records, offsets)
    const disturbance = this.#of.disturbances.get(this.#calls)
    if (disturbance === 'death in the handler') return this.#die(life)
    if (disturbance !== undefined) setImmediate(() => void this.#disturb(disturbance, life))
    const settle = (): void => this.#settle(records, offsets, fail)
    const isAsync = this.#of.isAsync[this.#calls % this.#of.isAsync.length]
    if (isAsync === true) return nextTurn().then(() => (life === this.#life ? settle() : NEVER))
    settle()
    return undefined
  }

  #settle(
    records: readonly KafkaRecord[],
    offsets: readonly number[],
    fail: ((record: KafkaRecord, error: Error) => void) | null,
  ): void {
    this.#inHand = []
    const acts = records.map(record => this.#actOf(record))
    const isThrown = acts.includes('throw') || (fail === null && acts.includes('fail'))
    offsets.forEach((offset, index) => {
      if (isThrown || acts[index] === 'fail') this.#failed.set(offset, this.#failedOf(offset) + 1)
      else this.#finish(offset)
    })
    records.forEach((record, index) => acts[index] === 'fail' && fail?.(record, new Error('this one')))
    if (isThrown) throw new Error('no')
  }

  async #disturb(disturbance: Disturbance, life: number): Promise<void> {
    if (life !== this.#life) return
    this.#checkFloor()
    if (disturbance === 'pause') {
      this.#bench!.lane.setPaused(true)
      await nextTurn()
      this.#bench!.lane.setPaused(false)
    } else if (disturbance === 'drain') {
      await this.#bench!.drain()
      if (life === this.#life) await this.#begin()
    } else void this.#die(life)
  }

  /** What the coordinator finds of a dead thread, which writes no more, is what the next one goes on with. */
  #die(life: number): Promise<never> {
    if (life === this.#life) {
      const left = copyOf(this.#memory)
      this.#checkBatchEnd(left)
      if (left.batchEnd > left.floor) left.setSinglesBelow(left.batchEnd)
      left.setInHand('nothing')
      left.setBatchEnd(0)
      for (const offset of this.#inHand) this.#lost.add(offset)
      this.#inHand = []
      const dead = this.#bench!
      this.#memory = left
      this.#life += 1
      setImmediate(() => {
        dead.kill()
        void this.#begin()
      })
    }
    return NEVER
  }

  #checkCall(records: readonly KafkaRecord[], offsets: readonly number[]): void {
    const before = this.#log.filter(({ offset }) => offset < offsets[0]!)
    this.#expect(
      before.every(({ offset }) => this.#finished.has(offset)),
      'runs before an earlier one is finished',
    )
    this.#expect(this.#memory.floor === offsets[0], `floor ${this.#memory.floor} at ${offsets[0]}`)
    for (const [index, offset] of offsets.entries()) {
      const { attempt } = records[index]!
      this.#expect(!this.#finished.has(offset), `${offset} runs though it is finished`)
      this.#expect(attempt === this.#failedOf(offset) + 1, `${offset}: attempt ${attempt}`)
      this.#expect(attempt <= this.#of.attempts, `${offset} has too many attempts`)
      this.#expect(this.#memory.singlesBelow <= offset || offsets.length === 1, `${offset} is not run alone`)
      this.#runs.set(offset, (this.#runs.get(offset) ?? 0) + 1)
    }
    this.#checkRemainder()
  }

  #checkFloor(): void {
    const { floor } = this.#memory
    const passed = this.#log.find(({ offset }) => offset < floor && !this.#finished.has(offset))
    this.#expect(passed === undefined, `floor ${floor} has passed ${passed?.offset}`)
  }

  #checkRemainder(): void {
    const { remainder } = this.#memory
    for (const { offset } of this.#log) {
      const isFinished = this.#finished.has(offset)
      const isBelow = offset < (remainder?.frontier ?? this.#memory.floor)
      const inHand = remainder?.inHand.find(one => one.offset === offset)
      this.#expect(
        !isBelow || isFinished === (inHand === undefined),
        `${offset} is wrongly told in the memory`,
      )
      this.#expect((inHand?.attempts ?? 0) <= this.#failedOf(offset), `${offset} has failed less often`)
    }
  }

  #checkBatchEnd({ batchEnd, floor }: LaneMemory): void {
    if (this.#inHand.length < 2)
      this.#expect(batchEnd <= floor + 1, `one in hand, but a batch to ${batchEnd}`)
    else
      this.#expect(batchEnd > this.#inHand.at(-1)!, `${this.#inHand.join()} in hand, a batch to ${batchEnd}`)
  }

  #checkEnd(): void {
    for (const { offset } of this.#log) {
      assert.equal(this.#finished.get(offset), 1, `${offset} is finished once`)
      const runs = this.#failedOf(offset) + (this.#failedOf(offset) < this.#of.attempts ? 1 : 0)
      if (!this.#lost.has(offset)) assert.equal(this.#runs.get(offset), runs, `runs of ${offset}`)
    }
    assert.equal(this.#memory.remainder, null)
    assert.equal(this.#memory.retry, null)
    assert.equal(this.#memory.handled, this.#log.length)
  }

  /** Of a letter that was stored when its thread died another one is sent. */
  #finish(offset: number): void {
    this.#finished.set(offset, (this.#finished.get(offset) ?? 0) + 1)
  }

  #actOf({ offset, attempt }: KafkaRecord): Act {
    const index = this.#log.findIndex(one => one.offset === Number(offset))
    return this.#of.acts[index]![attempt - 1] ?? 'ok'
  }

  #failedOf(offset: number): number {
    return this.#failed.get(offset) ?? 0
  }

  #expect(holds: boolean, what: string): void {
    if (!holds) this.#broken ??= new Error(`${what} (call ${this.#calls}, life ${this.#life})`)
  }
}

describe('the attempts of a lane, whatever its handler does and whatever becomes of its threads', () => {
  it('end with every record finished once, in order, after as many attempts as it has', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, scenario => new Play(scenario).run()),
      { numRuns: 400 },
    )
  })
})
