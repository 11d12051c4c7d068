import { toWire } from '../../shared/error-wire.ts'
import { GroupError } from '../../shared/errors.ts'
import type { WorkerMemory } from '../../shared/memory/worker-memory.ts'
import type { FeedStart, LaneId, WorkerMessage, WorkerSettings } from '../../shared/protocol.ts'
import type { Feeds } from '../feed/feeds.ts'
import { laneName } from '../lane-name.ts'
import { FeedLoop } from './feed-loop.ts'
import { RingFeed, type RingFeedHost } from './ring-feed.ts'

export interface RingFeederParts {
  readonly settings: Pick<WorkerSettings, 'maxBatchBytes' | 'readCommitted'>
  readonly memory: WorkerMemory
  readonly feeds: Feeds
  /** As many fetched bytes are no longer needed. */
  readonly dropped: (bytes: number) => void
  readonly post: (message: WorkerMessage) => void
}

interface Running {
  readonly feed: RingFeed
  readonly ringBytes: number
}

/** The rings that one thread fills, and the loop that does. */
export class RingFeeder {
  readonly #feeds: Feeds
  readonly #host: RingFeedHost
  readonly #loop: FeedLoop
  readonly #running = new Map<string, Running>()

  constructor({ settings, memory, feeds, dropped, post }: RingFeederParts) {
    this.#feeds = feeds
    this.#loop = new FeedLoop(memory)
    this.#host = {
      maxBatchBytes: settings.maxBatchBytes,
      readCommitted: settings.readCommitted,
      attach: inbox => feeds.attach(inbox),
      detach: inbox => feeds.detach(inbox),
      fetchChanged: inbox => feeds.changed(inbox),
      dropped,
      wake: feed => this.#loop.wake(feed),
      failed: (lane, error) => post({ type: 'lane-failed', lane, error: toWire(error) }),
    }
  }

  start(start: FeedStart): void {
    const name = laneName(start)
    if (this.#running.has(name)) throw new GroupError('INTERNAL', `feed ${name} cannot start: it runs`)
    const feed = new RingFeed(start, this.#host)
    const ringBytes = start.ring.byteLength
    // All of it, however little is used: a ring is filled as soon as handlers are slower than the network, and its
    // memory stays. So one that is stuck takes nothing from what is left for the inboxes of the others.
    this.#feeds.reserve(ringBytes)
    this.#running.set(name, { feed, ringBytes })
    feed.start()
  }

  /** Unknown feeds: nothing to do. */
  drain(id: LaneId): void {
    const name = laneName(id)
    const running = this.#running.get(name)
    if (running === undefined) return
    this.#running.delete(name)
    running.feed.drain()
    this.#loop.remove(running.feed)
    this.#feeds.reserve(-running.ringBytes)
  }

  setPaused(id: LaneId, isPaused: boolean): void {
    this.#running.get(laneName(id))?.feed.setPaused(isPaused)
  }

  /** Idempotent. */
  stop(): void {
    for (const { feed } of this.#running.values()) this.drain(feed.id)
    this.#loop.stop()
  }
}
