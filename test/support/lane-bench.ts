import { afterEach } from 'node:test'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import { mock } from 'node:test'
import type { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import type { AttemptsUsedUp, DeadLetter, LaneStart } from '#src/shared/protocol.js'
import { RecordCursor } from '#src/worker/decode/record-cursor.js'
import { DeadlineTimer } from '#src/worker/attempts/deadline-timer.js'
import type { RecordFailed } from '#src/worker/attempts/record-news.js'
import type { LaneInbox } from '#src/worker/feed/lane-inbox.js'
import { LaneContext } from '#src/worker/handler/contexts.js'
import { readHandlerExports } from '#src/worker/handler/handler-exports.js'
import { Lane } from '#src/worker/lane.js'
import { RecordLoop } from '#src/worker/record-loop.js'
import type { TakingSettings } from '#src/worker/taking-host.js'
import { encodeBatch, type TestRecord } from './record-batches.ts'

const LONG_MS = 3_600_000

export interface LaneBenchOptions {
  /** What the partition holds, in order. */
  readonly log: readonly TestRecord[]
  /** As a module exports it. */
  readonly module: object
  readonly settings?: Partial<TakingSettings>
  /** Records per fetched answer. @defaultValue all */
  readonly chunk?: number
  /** The first answer that holds this offset is damaged at its end. */
  readonly damageAt?: number
  /** When it can fetch. @defaultValue brings the log */
  readonly attach?: (inbox: LaneInbox, options: LaneBenchOptions) => void
  /** Where a lane goes on. @defaultValue a new claim from offset 0 */
  readonly memory?: LaneMemory
  readonly start?: Partial<LaneStart>
  /** @defaultValue refuses */
  readonly deadLetter?: (letter: DeadLetter) => Promise<void>
}

export const NO_WAIT = { attempts: 3, backoffMs: 0, maxBackoffMs: 0, jitter: 0 }

/** One record at a time, and a partition that stops at the first failure. */
export const ONE_BY_ONE: TakingSettings = {
  retry: NO_WAIT,
  onFailure: 'stop',
  handlerTimeoutMs: null,
  batchSize: 1,
  batchWaitMs: 0,
}

/** Starts lanes that end with the test. */
export function laneBenches(): (options: LaneBenchOptions) => Promise<LaneBench> {
  const benches: LaneBench[] = []
  afterEach(() => benches.splice(0).forEach(bench => bench.kill()))
  return async options => {
    const bench = new LaneBench(options)
    benches.push(bench)
    await bench.start()
    return bench
  }
}

/** One lane of one thread, with its loop and its deadline, in the thread of the test; the log stands for the brokers. */
export class LaneBench {
  readonly group = new GroupMemory()
  readonly memory: LaneMemory
  readonly messages: RecordFailed[] = []
  readonly usedUp: AttemptsUsedUp[] = []
  readonly letters: DeadLetter[] = []
  readonly failures: GroupError[] = []
  readonly troubles: GroupError[] = []
  readonly lane: Lane
  readonly #loop = new RecordLoop(this.group, new WorkerMemory())
  readonly #deadlines: DeadlineTimer

  constructor(options: LaneBenchOptions) {
    const settings = { ...ONE_BY_ONE, ...options.settings }
    this.group.renewLease({ monoMs: monotonicMs() + LONG_MS, wallMs: wallMs() + LONG_MS })
    this.memory = options.memory ?? LaneMemory.create(0, settings.batchSize)
    this.#deadlines = new DeadlineTimer(settings.handlerTimeoutMs, () => [this.lane])
    const thread = { groupId: 'g', memberId: 'm', threadId: 3, logger: silentLogger, state: undefined }
    const start: LaneStart = {
      ...{ topic: 't', partition: 0, epoch: 1n, lane: 0, generation: 0, paused: false },
      ...{ memory: this.memory.buffer, lastFailure: null, suspectForMs: 0, careful: null },
      ...options.start,
    }
    this.lane = new Lane(start, new LaneContext(thread, 1n), {
      ...{ group: this.group, settings, maxBatchBytes: 2 ** 20, readCommitted: true },
      handler: readHandlerExports({ default: options.module }, 'module'),
      attach: inbox => (options.attach ?? deliver)(inbox, options),
      detach: () => {},
      fetchChanged: () => {},
      hasRoom: () => true,
      dropped: () => {},
      wake: () => this.#loop.wake(),
      awaits: () => this.#deadlines.awaits(),
      settled: lane => this.#loop.settled(lane),
      recordFailed: message => this.messages.push(message),
      usedUp: message => this.usedUp.push(message),
      announce: () => Promise.reject(new Error('nothing is to be announced')),
      aloneOver: () => {},
      deadLetter: letter => {
        this.letters.push(letter)
        return options.deadLetter?.(letter) ?? Promise.reject(new Error('no dead letters'))
      },
      failed: (_lane, error) => this.failures.push(error),
      troubled: (_lane, error) => this.troubles.push(error),
    })
    this.#loop.add(this.lane)
  }

  async start(): Promise<this> {
    await this.lane.start()
    return this
  }

  /** As a thread that dies: nothing of it runs on. Idempotent. */
  kill(): void {
    this.#loop.remove(this.lane)
    this.#loop.stop()
    this.#deadlines.stop()
    void this.lane.drain() // clears its timers; its memory is looked at no more
  }

  async drain(): Promise<void> {
    await this.lane.drain()
    this.kill()
  }

  /** Short names of what was told of records that failed. */
  get told(): string[] {
    return this.messages.map(({ outcome, offset, attempt }) => `${outcome} ${offset} after ${attempt}`)
  }
}

/** What a thread that ends now leaves. */
export function copyOf(memory: LaneMemory): LaneMemory {
  const copy = new SharedArrayBuffer(memory.buffer.byteLength)
  new Uint8Array(copy).set(new Uint8Array(memory.buffer))
  return LaneMemory.attach(copy)
}

/** `seen` is called whenever a cursor is about to open what was fetched, until that is restored. */
export function watchOpening(seen: () => void): { readonly mock: { restore(): void } } {
  const next = Reflect.get<RecordCursor, 'next'>(RecordCursor.prototype, 'next')
  return mock.method(RecordCursor.prototype, 'next', function (this: RecordCursor): boolean {
    if (this.record.left === 0) seen()
    return next.call(this)
  })
}

/** What the brokers hold. */
export function deliver(inbox: LaneInbox, { log, chunk = log.length, damageAt }: LaneBenchOptions): void {
  inbox.setReachable(true)
  for (let at = 0; at < log.length; at += chunk) {
    const records = log.slice(at, at + chunk)
    const endOffset = log.at(-1)!.offset + 1
    if (records.at(-1)!.offset < inbox.position) continue
    const bytes = encodeBatch({ records })
    if (records.some(({ offset }) => offset === damageAt)) bytes[bytes.length - 2]! ^= 1
    inbox.accept({ records: bytes, fetchOffset: inbox.position, aborted: [], endOffset, wholeBytes: 0 })
  }
}
