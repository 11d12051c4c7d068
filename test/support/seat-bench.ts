import { afterEach } from 'node:test'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import type { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import type { Announcement, AttemptsUsedUp, DeadLetter, SeatStart } from '#src/shared/protocol.js'
import { DeadlineTimer } from '#src/worker/attempts/deadline-timer.js'
import type { RecordFailed } from '#src/worker/attempts/record-news.js'
import { LaneContext } from '#src/worker/handler/contexts.js'
import { readHandlerExports } from '#src/worker/handler/handler-exports.js'
import { RecordLoop } from '#src/worker/record-loop.js'
import type { SeatRing } from '#src/worker/ring/open-seat.js'
import { Seat } from '#src/worker/ring/seat.js'
import type { TakingSettings } from '#src/worker/taking-host.js'
import { FakeSeatRing } from './fake-seat-ring.ts'
import { ONE_BY_ONE } from './lane-bench.ts'

const LONG_MS = 3_600_000

export interface SeatBenchOptions<Ring extends SeatRing> {
  readonly ring: Ring
  /** As a module exports it. */
  readonly module: object
  readonly settings?: Partial<TakingSettings>
  readonly start?: Partial<SeatStart>
  /** @defaultValue refuses */
  readonly deadLetter?: (letter: DeadLetter) => Promise<void>
  /** @defaultValue refuses */
  readonly announce?: (announcement: Announcement) => Promise<boolean>
}

/** Starts seats that end with the test. */
export function seatBenches(): <Ring extends SeatRing>(
  options: SeatBenchOptions<Ring>,
) => Promise<SeatBench<Ring>> {
  const benches: SeatBench<SeatRing>[] = []
  afterEach(() => benches.splice(0).forEach(bench => bench.kill()))
  return async options => {
    const bench = new SeatBench(options)
    benches.push(bench)
    await bench.seat.start()
    return bench
  }
}

/** One seat of one thread, with its loop and its deadline, in the thread of the test. */
export class SeatBench<Ring extends SeatRing> {
  readonly group = new GroupMemory()
  readonly ring: Ring
  readonly messages: RecordFailed[] = []
  readonly usedUp: AttemptsUsedUp[] = []
  readonly letters: DeadLetter[] = []
  readonly failures: GroupError[] = []
  readonly troubles: GroupError[] = []
  readonly announced: Announcement[] = []
  /** Of each end of being alone: whether something runs on. */
  readonly alonesOver: boolean[] = []
  readonly seat: Seat
  readonly loop = new RecordLoop(this.group, new WorkerMemory())
  readonly #deadlines: DeadlineTimer
  readonly #memory: SharedArrayBuffer
  #isAlone = false

  constructor(options: SeatBenchOptions<Ring>) {
    const settings = { ...ONE_BY_ONE, ...options.settings }
    this.ring = options.ring
    this.group.renewLease({ monoMs: monotonicMs() + LONG_MS, wallMs: wallMs() + LONG_MS })
    this.#deadlines = new DeadlineTimer(settings.handlerTimeoutMs, () => this.seat.timed)
    const thread = { groupId: 'g', memberId: 'm', threadId: 3, logger: silentLogger, state: undefined }
    const start: SeatStart = {
      ...{ topic: 't', partition: 0, epoch: 1n, lane: 0, generation: 0, paused: false, seat: 0 },
      ...{ ring: new SharedArrayBuffer(0), concurrency: 1, careful: null, lastFailures: [], suspects: [] },
      ...options.start,
    }
    this.#memory = start.ring
    this.seat = new Seat(start, options.ring, () => new LaneContext(thread, 1n), {
      ...{ group: this.group, settings, running: { count: 0 } },
      handler: readHandlerExports({ default: options.module }, 'module'),
      wake: () => this.loop.wake(),
      awaits: () => this.#deadlines.awaits(),
      settled: seat => this.loop.settled(seat),
      recordFailed: message => this.messages.push(message),
      usedUp: message => this.usedUp.push(message),
      announce: (_lane, announcement) => {
        this.announced.push(announcement)
        this.setAlone(announcement.isAlone)
        return options.announce?.(announcement) ?? Promise.reject(new Error('nothing is to be announced'))
      },
      aloneOver: (_lane, runsOn) => {
        this.alonesOver.push(runsOn)
        if (this.#isAlone) this.setAlone(false)
        this.loop.wake()
      },
      deadLetter: letter => {
        this.letters.push(letter)
        return options.deadLetter?.(letter) ?? Promise.reject(new Error('no dead letters'))
      },
      failed: (_lane, error) => this.failures.push(error),
      troubled: (_lane, error) => this.troubles.push(error),
    })
    this.loop.add(this.seat)
  }

  /** As the coordinator says it. */
  setAlone(isAlone: boolean): void {
    if (this.ring instanceof FakeSeatRing) this.ring.mayBeAlone = isAlone
    else RingMemory.attach(this.#memory).setAlone(isAlone)
    this.group.setOneAlone(isAlone)
    this.#isAlone = isAlone
  }

  /** As a thread that dies: nothing of it runs on. Idempotent. */
  kill(): void {
    this.loop.remove(this.seat)
    this.loop.stop()
    this.#deadlines.stop()
    void this.seat.drain() // clears its timers; its ring is looked at no more
  }

  /** Short names of what was told of records that failed. */
  get told(): string[] {
    return this.messages.map(({ outcome, offset, attempt }) => `${outcome} ${offset} after ${attempt}`)
  }
}
