import { isGroupError } from '../../../shared/errors.ts'
import type { RingMemory } from '../../../shared/memory/ring/ring-memory.ts'
import { settleFeed } from '../../../shared/memory/ring/settle-feed.ts'
import { FEED_LANE, type LaneId } from '../../../shared/protocol.ts'
import type { Offset } from '../../../shared/types.ts'
import type { WorkerThread } from '../../threads/worker-thread.ts'
import { ignoreDeath } from './ignore-death.ts'
import type { PartitionWorkHost } from './partition-work.ts'

export interface RingFeedHost extends Pick<PartitionWorkHost, 'laneId' | 'isPaused' | 'fail'> {
  readonly memory: RingMemory
  /** Nothing from there on is fed; null: everything is. */
  readonly feedBelow: Offset | null
  /** See RingHost. */
  feeder(): WorkerThread
  /** Aborts when nothing of the ring is to run any more. */
  readonly over: AbortSignal
}

/** What fills a ring, on the thread of all feeds. When that dies the next one goes on in the same ring: see RingWriter. */
export class RingFeed {
  readonly #host: RingFeedHost
  readonly #id: LaneId
  #thread: WorkerThread | null = null

  constructor(host: RingFeedHost) {
    this.#host = host
    this.#id = { ...host.laneId, lane: FEED_LANE }
  }

  get thread(): WorkerThread | null {
    return this.#thread
  }

  /** Resolves when it runs, or cannot. */
  async start(): Promise<void> {
    const { memory, feedBelow } = this.#host
    const paused = this.#host.isPaused()
    try {
      const thread = this.#host.feeder()
      this.#thread = thread
      await ignoreDeath(thread.startFeed({ ...this.#id, ring: memory.buffer, feedBelow, paused }))
      // It has died meanwhile: what goes on in its place has been told of the pause itself.
      if (this.#thread !== thread) return
    } catch (error) {
      if (!isGroupError(error, 'NOT_RUNNING')) this.#host.fail(error) // else the threads are being stopped, and nothing is wrong with it
      return
    }
    if (this.#host.isPaused() !== paused) await this.setPaused(!paused)
  }

  /** Its thread has exited: from here on it is filled by another one. Seats notice nothing, whatever runs on them. */
  async goOn(): Promise<void> {
    // First: whoever reads how far it is for the last time must find what was appended and not published.
    settleFeed(this.#host.memory)
    this.#thread = null
    if (!this.#host.over.aborted) await this.start()
  }

  /** Appends nothing any more. */
  async drain(): Promise<void> {
    const thread = this.#thread
    if (thread === null) return
    await ignoreDeath(thread.drainLane(this.#id))
    if (thread.hasExited) settleFeed(this.#host.memory) // while the group stops nothing goes on in its place
    this.#thread = null
  }

  async setPaused(paused: boolean): Promise<void> {
    if (this.#thread !== null) await ignoreDeath(this.#thread.setPaused(this.#id, paused))
  }
}
