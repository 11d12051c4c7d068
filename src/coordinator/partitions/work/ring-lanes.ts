import type { ErrorWire } from '../../../shared/error-wire.ts'
import type { RecordInHand } from '../../../shared/memory/remainder-memory.ts'
import { FEED_LANE, type Announcement } from '../../../shared/protocol.ts'
import type { LaneSettings } from '../../../shared/ordering.ts'
import type { Offset } from '../../../shared/types.ts'
import type { ClaimLanes } from '../../progress/claim-lanes.ts'
import type { ClaimProgress, WorkedLanes } from '../../progress/claim-progress.ts'
import type { WorkerThread } from '../../threads/worker-thread.ts'
import { CarefulLane, type CarefulLaneHost } from './careful-lane.ts'
import type { InHandOnThread } from './in-hand-on-thread.ts'
import { LevelWatch } from './level-watch.ts'
import type { PartitionWork, PartitionWorkHost, WorkReading } from './partition-work.ts'
import { RingNews } from './ring-news.ts'
import { Ring } from './ring.ts'

/**
 * `key` and `none` order: a feeder puts the records into a ring in shared memory, from which every thread takes what it can.
 * A careful claim is worked off by one thread, until it needs no care any more.
 */
export class RingLanes implements PartitionWork {
  readonly thread = null
  readonly #settings: LaneSettings
  readonly #progress: Pick<ClaimProgress, 'careful'>
  readonly #host: PartitionWorkHost
  readonly #carefulLane: CarefulLane | null
  readonly #news = new RingNews(() => this.#ring.positions.inHand)
  readonly #level: LevelWatch | null
  readonly #ring: Ring
  #hasFailed = false

  constructor({ run, start, levelAt }: ClaimLanes, progress: ClaimProgress, host: PartitionWorkHost) {
    this.#settings = run
    this.#progress = progress
    this.#host = host
    this.#carefulLane = progress.careful === null ? null : this.#makeCarefulLane(progress, host)
    this.#ring = new Ring(run, start, {
      ...host,
      news: this.#news,
      feedBelow: levelAt,
      careful: () => progress.careful?.start ?? null,
      rest: () => this.#carefulLane?.rest(),
    })
    this.#level =
      levelAt === null
        ? null
        : new LevelWatch(
            () => this.#ring.positions,
            () => host.lanesAreLevel(),
          )
  }

  worked(): WorkedLanes {
    const { ordering, hash } = this.#settings
    return { ordering, hash, ...this.#ring.positions }
  }

  get handled(): number {
    return this.#ring.handled
  }

  lastAttemptFailed(record: RecordInHand, error: ErrorWire): void {
    this.#news.failed(record, error)
  }

  get threads(): readonly WorkerThread[] {
    return this.#ring.threads
  }

  isOn(thread: WorkerThread, lane = this.#host.laneId.lane): boolean {
    if (lane === FEED_LANE) return this.#ring.feed.thread === thread
    return lane === this.#host.laneId.lane && this.#ring.seatOn(thread) !== undefined
  }

  inHandOn(thread: WorkerThread): readonly InHandOnThread[] {
    return this.#ring.seatOn(thread)?.inHand ?? []
  }

  get oldestRunning(): Offset | null {
    return this.#ring.oldestRunning
  }

  putDown(thread: WorkerThread): void {
    this.#ring.seatOn(thread)?.putDown()
    const { feed } = this.#ring
    if (feed.thread === thread) void feed.goOn().catch((error: unknown) => this.#host.fail(error))
  }

  handledOn(thread: WorkerThread): number {
    return this.#ring.seatOn(thread)?.handledHere ?? 0
  }

  read(): WorkReading {
    const reading = { ...this.#ring.read(), handled: this.handled }
    return this.#hasFailed ? { ...reading, waitsFor: 'failed' } : reading
  }

  async start(): Promise<void> {
    this.#level?.start()
    await this.#ring.start(this.#progress.careful !== null)
  }

  /** For good. */
  async drain(): Promise<void> {
    this.#level?.stop()
    await this.#ring.drain()
  }

  abortSignal(reason: string): Promise<void> {
    return this.#ring.abortSignal(reason)
  }

  setPaused(paused: boolean): Promise<void> {
    return this.#ring.setPaused(paused)
  }

  /** It is on all threads. */
  moveTo(): Promise<void> {
    return Promise.resolve()
  }

  /** Not in turn: the other seats go on, and each waits for the end of its own thread only. */
  async moveOff(
    thread: WorkerThread,
    replacement: Promise<WorkerThread>,
    drained: () => void,
  ): Promise<void> {
    const seat = this.#ring.seatOn(thread)
    if (seat === undefined) drained()
    else await seat.moveOff(thread, replacement, drained)
  }

  /** One of its threads has told so: the others finish what they run, and take nothing any more. */
  hasFailed(): void {
    this.#hasFailed = true
    void this.#carefulLane?.runsOut() // at rest once its seat is left
    void this.drain().catch((error: unknown) => this.#host.fail(error)) // as good as told: it has failed
  }

  async announce(announcement: Announcement): Promise<boolean> {
    if (this.#carefulLane === null) return true
    try {
      return await this.#carefulLane.announce(announcement)
    } finally {
      // Also where the seat left its thread before it heard: it announces nothing on the next one.
      if (this.#progress.careful === null) this.#ring.startOthers()
    }
  }

  aloneOver(runsOn: boolean): Promise<void> {
    return this.#carefulLane?.aloneOver(runsOn) ?? Promise.resolve()
  }

  #makeCarefulLane(progress: ClaimProgress, host: PartitionWorkHost): CarefulLane {
    const ofRing: CarefulLaneHost = {
      givenUp: host.givenUp,
      commit: () => host.commit(),
      runAlone: () => {
        this.#ring.setAlone(true)
        return host.runAlone()
      },
      noLongerAlone: () => {
        this.#ring.setAlone(false) // first: see there
        host.noLongerAlone()
      },
    }
    return new CarefulLane(progress, ofRing, true)
  }
}
