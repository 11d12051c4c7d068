import { GroupError } from '../../../shared/errors.ts'
import type { LaneSettings } from '../../../shared/ordering.ts'
import { closeRing } from '../../../shared/memory/ring/close-ring.ts'
import { readRing } from '../../../shared/memory/ring/read-ring.ts'
import { SLOT_STATE_NUMBER, type SlotState } from '../../../shared/memory/ring/ring-layout.ts'
import { RingMemory } from '../../../shared/memory/ring/ring-memory.ts'
import { SlotViews } from '../../../shared/memory/ring/slot-view.ts'
import type { Offset } from '../../../shared/types.ts'
import { unlessAborted } from '../../../shared/unless-aborted.ts'
import type { LanePositions } from '../../progress/progress.ts'
import type { WorkerThread } from '../../threads/worker-thread.ts'
import type { PartitionWorkHost, WorkReading } from './partition-work.ts'
import type { RingGrant } from './ring-budget.ts'
import { RingFeed, type RingFeedHost } from './ring-feed.ts'
import { readRingUse } from './ring-reading.ts'
import { RingSeat, type RingSeatHost } from './ring-seat.ts'
import { concurrencyOfThread, ringShape } from './ring-shape.ts'

export interface RingPartsHost
  extends
    PartitionWorkHost,
    Pick<RingSeatHost, 'news' | 'careful' | 'rest'>,
    Pick<RingFeedHost, 'feedBelow'> {}

const OVER = new GroupError('NOT_RUNNING', 'the ring is given up')

const RUNNING: ReadonlySet<SlotState> = new Set<SlotState>(['slice', 'awaited', 'timed-out'])

/** One ring: its memory, what fills it, and a seat of it per thread. */
export class Ring {
  readonly feed: RingFeed
  readonly #memory: RingMemory
  readonly #grant: RingGrant
  readonly #host: RingPartsHost
  readonly #seats: readonly RingSeat[]
  readonly #over = new AbortController()
  /** It, or its partition, is given up. */
  readonly #whenOver: AbortSignal

  constructor({ ordering }: LaneSettings, start: LanePositions, host: RingPartsHost) {
    const { options } = host.rings
    const kind = ordering === 'none' ? 'none' : 'key'
    const grant = host.rings.grant()
    const memory = RingMemory.create(ringShape(kind, options, grant.bytes), start)
    const over = (this.#whenOver = AbortSignal.any([host.givenUp, this.#over.signal]))
    this.#memory = memory
    this.#grant = grant
    this.#host = host
    this.feed = new RingFeed({ ...host, memory, over, feeder: () => host.rings.feeder() })
    const concurrency = concurrencyOfThread(options)
    this.#seats = Array.from(
      { length: memory.shape.seats },
      (_, seat) => new RingSeat(seat, { ...host, memory, concurrency, over }),
    )
  }

  get positions(): LanePositions {
    return readRing(this.#memory)
  }

  get handled(): number {
    return this.#seats.reduce((sum, seat) => (sum + seat.handled) >>> 0, 0)
  }

  get threads(): readonly WorkerThread[] {
    return this.#seats.flatMap(({ thread }) => (thread === null ? [] : [thread]))
  }

  get oldestRunning(): Offset | null {
    const { state } = this.#memory.slots
    const views = new SlotViews(this.#memory)
    let oldest = Infinity
    for (let slot = 0; slot < state.length; slot++) {
      if (Atomics.load(state, slot) === SLOT_STATE_NUMBER.free) continue // most are
      const view = views.read(slot)
      if (view !== null && RUNNING.has(view.state)) oldest = Math.min(oldest, view.offset)
    }
    return oldest === Infinity ? null : oldest
  }

  seatOn(thread: WorkerThread): RingSeat | undefined {
    return this.#seats.find(seat => seat.thread === thread)
  }

  read(): Omit<WorkReading, 'handled'> {
    const taken = this.#seats.flatMap(({ thread }, seat) => (thread === null ? [] : [seat]))
    return readRingUse(this.#memory, taken)
  }

  /** Resolves when a seat runs, none can (then the host knows), or it is over. A seat whose thread is inside a long handler follows. */
  async start(isCareful: boolean): Promise<void> {
    // Those of the other partitions that are worked off carefully are spread over the threads.
    const only = isCareful ? this.#host.laneId.partition % this.#seats.length : null
    const started = this.#seats.flatMap((seat, number) =>
      only === null || number === only ? [this.#startSeat(seat, number)] : [],
    )
    const runs = unlessAborted(Promise.race(started), this.#whenOver).catch(() => {}) // no seat rejects: it is over
    await Promise.all([this.feed.start(), runs])
  }

  /** See RingMemory. */
  setAlone(isAlone: boolean): void {
    this.#memory.setAlone(isAlone)
  }

  /** Of a claim that needs no care any more. */
  startOthers(): void {
    this.#seats.forEach((seat, number) => void this.#startSeat(seat, number)) // the one that is taken stays as it is
  }

  /** For good. */
  async drain(): Promise<void> {
    this.#over.abort(OVER)
    closeRing(this.#memory)
    await Promise.all(this.#seats.map(seat => seat.drain()))
    await this.feed.drain()
    this.#grant.giveBack()
  }

  /** Never rejects. */
  async #startSeat(seat: RingSeat, number: number): Promise<void> {
    try {
      await seat.start(this.#host.rings.threads()[number]!)
    } catch (error) {
      this.#host.fail(error)
    }
  }

  async abortSignal(reason: string): Promise<void> {
    await Promise.all(this.#seats.map(seat => seat.abortSignal(reason)))
  }

  async setPaused(paused: boolean): Promise<void> {
    await Promise.all([this.feed, ...this.#seats].map(part => part.setPaused(paused)))
  }
}
