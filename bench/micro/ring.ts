/**
 * CPU time of one record in a ring: to append it, and to take it, hand it to a handler that reads its value, and finish it. Contenders take
 * turns, so that a busy machine slows all alike; medians of the rounds.
 *
 *     node .build/bench/micro/ring.js [--rounds N] [--only SHAPE] [--json]
 */
import { parseArgs } from 'node:util'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KafkaRecord } from '#src/index.js'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import { RecordReader } from '#src/worker/decode/record-reader.js'
import { LaneContext } from '#src/worker/handler/contexts.js'
import { readHandlerExports } from '#src/worker/handler/handler-exports.js'
import { RecordLoop } from '#src/worker/record-loop.js'
import { openSeat } from '#src/worker/ring/open-seat.js'
import { RingAppender } from '#src/worker/ring/ring-appender.js'
import { RingWriter } from '#src/worker/ring/ring-writer.js'
import { Seat } from '#src/worker/ring/seat.js'
import { median } from '../lib/stats.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '21' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const WARM_UP = 5
const RECORDS = 20_000
const KEYS = 5_000
const KEY_BYTES = 8
const VALUE_BYTES = 100
const CONCURRENCY = 500
const LONG_MS = 3_600_000
const PARTITION = { topic: 'bench', partition: 0 }

interface Shape {
  readonly title: string
  readonly lanes: number
  readonly isAsync: boolean
}

const SHAPES: readonly Shape[] = [
  { title: 'none', lanes: 1, isAsync: false },
  { title: 'none, async', lanes: 1, isAsync: true },
  { title: 'key, 64 lanes', lanes: 64, isAsync: false },
  { title: 'key, 64 lanes, async', lanes: 64, isAsync: true },
  { title: 'key, 1,024 lanes', lanes: 1024, isAsync: false },
]

/** As they stand in what was fetched: each key in front of a value. */
const FETCHED = Buffer.concat(
  Array.from({ length: KEYS }, (_, key) =>
    Buffer.concat([Buffer.from(String(key).padStart(KEY_BYTES)), Buffer.alloc(VALUE_BYTES, 7)]),
  ),
)

/** A ring with its feeder's and its seat's ends in this thread: filled and worked off in turn. */
class Contender {
  readonly title: string
  readonly #writer: RingWriter
  readonly #appender: RingAppender
  readonly #seat: Seat
  readonly #loop: RecordLoop
  readonly #reader = new RecordReader()
  readonly appendUs: number[] = []
  readonly handleUs: number[] = []
  #appended = 0
  #handled = 0
  #sum = 0
  /** Async handlers under way. */
  #open: (() => void)[] = []

  constructor({ title, lanes, isAsync }: Shape) {
    this.title = title
    const memory = RingMemory.create(
      {
        ordering: lanes === 1 ? 'none' : 'key',
        ...{ seats: 1, slotsPerSeat: CONCURRENCY + 256, indexCapacity: 2 ** 16, dataBytes: 2 ** 23 },
      },
      { frontiers: new Array<number>(lanes).fill(0), inHand: [] },
    )
    this.#writer = new RingWriter(memory)
    this.#appender = new RingAppender(PARTITION, memory.shape, this.#writer)
    const group = new GroupMemory()
    group.renewLease({ monoMs: monotonicMs() + LONG_MS, wallMs: wallMs() + LONG_MS })
    this.#loop = new RecordLoop(group, new WorkerMemory())
    this.#seat = this.#makeSeat(memory, group, isAsync)
    this.#loop.add(this.#seat)
  }

  start(): Promise<void> {
    return this.#seat.start()
  }

  async stop(): Promise<void> {
    await this.#seat.drain()
    this.#loop.stop()
  }

  async round(): Promise<void> {
    const before = cpuUs()
    for (let left = RECORDS; left > 0; left--) this.#append()
    const between = cpuUs()
    this.#writer.publish(this.#appended)
    while (this.#handled < this.#appended) await nextTurn()
    this.appendUs.push((between - before) / RECORDS)
    this.handleUs.push((cpuUs() - between) / RECORDS)
  }

  #append(): void {
    const reader = this.#reader
    const key = (Math.imul(this.#appended, 0x9e3779b1) >>> 0) % KEYS
    reader.bytes = FETCHED
    reader.offset = this.#appended++
    reader.keyStart = key * (KEY_BYTES + VALUE_BYTES)
    reader.keyEnd = reader.valueStart = reader.keyStart + KEY_BYTES
    reader.valueEnd = reader.valueStart + VALUE_BYTES
    if (!this.#appender.append(reader)) throw new Error('the ring is too small')
  }

  readonly #handle = (record: KafkaRecord<Buffer>): void => {
    this.#sum += record.value![0]!
    this.#handled += 1
  }

  /** As many as may be under way are answered together. */
  readonly #handleLater = (record: KafkaRecord<Buffer>): Promise<void> => {
    this.#handle(record)
    if (this.#open.length === 0) setImmediate(() => this.#open.splice(0).forEach(answer => answer()))
    return new Promise(resolve => this.#open.push(resolve))
  }

  #makeSeat(memory: RingMemory, group: GroupMemory, isAsync: boolean): Seat {
    const nothing = (): void => {}
    const never = (): Promise<never> => Promise.reject(new Error('nothing fails here'))
    const handler = readHandlerExports({ default: isAsync ? this.#handleLater : this.#handle }, 'bench')
    const thread = { groupId: 'g', memberId: 'm', threadId: 0, logger: silentLogger, state: undefined }
    const start = {
      ...{ ...PARTITION, epoch: 1n, lane: 0, ring: memory.buffer, seat: 0, generation: 0, paused: false },
      ...{ concurrency: CONCURRENCY, careful: null, lastFailures: [], suspects: [] },
    }
    const settings = {
      retry: { attempts: 1, backoffMs: 0, maxBackoffMs: 0, jitter: 0 },
      ...{ onFailure: 'stop' as const, handlerTimeoutMs: null, batchSize: 1, batchWaitMs: 0 },
    }
    return new Seat(start, openSeat(start)!, () => new LaneContext(thread, 1n), {
      ...{ group, handler, settings, running: { count: 0 } },
      wake: () => this.#loop.wake(),
      settled: seat => this.#loop.settled(seat),
      ...{ awaits: nothing, recordFailed: nothing, usedUp: nothing, aloneOver: nothing },
      ...{ deadLetter: never, announce: never },
      ...{ failed: nothing, troubled: nothing },
    })
  }
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

const shapes = SHAPES.filter(({ title }) => values.only === undefined || title === values.only)
const contenders = shapes.map(shape => new Contender(shape))
for (const contender of contenders) await contender.start()
for (let round = 0; round < Number(values.rounds) + WARM_UP; round++)
  for (const contender of contenders) await contender.round()
for (const { title, appendUs, handleUs } of contenders) {
  const us = { append: median(appendUs.slice(WARM_UP)), handle: median(handleUs.slice(WARM_UP)) }
  if (values.json) console.log(JSON.stringify({ benchmark: 'ring', title, microsecondsPerRecord: us }))
  else console.log(`${title.padEnd(24)} append ${us.append.toFixed(2)} µs, handle ${us.handle.toFixed(2)} µs`)
}
for (const contender of contenders) await contender.stop()
