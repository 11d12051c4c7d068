import { afterEach } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { GroupError } from '#src/shared/errors.js'
import type { RecordInHand } from '#src/shared/memory/remainder-memory.js'
import { type FeedWaitReason, type RingShape } from '#src/shared/memory/ring/ring-layout.js'
import { RingMemory } from '#src/shared/memory/ring/ring-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import { FEED_LANE } from '#src/shared/protocol.js'
import type { LaneInbox } from '#src/worker/feed/lane-inbox.js'
import { FeedLoop } from '#src/worker/ring/feed-loop.js'
import { RingFeed } from '#src/worker/ring/ring-feed.js'
import type { RandomLog } from './random-logs.ts'
import { encodeBatch, type TestRecord } from './record-batches.ts'
import { RingReader } from './ring-reader.ts'

export interface RingFeedBenchOptions extends Partial<Omit<RingShape, 'restored'>> {
  /** @defaultValue 0, of every lane */
  readonly frontiers?: readonly number[]
  readonly inHand?: readonly RecordInHand[]
  readonly feedBelow?: number
  readonly paused?: boolean
  /** Which a feed has begun to fill. @defaultValue a new one */
  readonly memory?: RingMemory
}

const SHAPE = { ordering: 'key', seats: 1, slotsPerSeat: 16, indexCapacity: 64, dataBytes: 4096 } as const

/** Starts feeds that end with the test. */
export function ringFeedBenches(): (options?: RingFeedBenchOptions) => RingFeedBench {
  const benches: RingFeedBench[] = []
  afterEach(() => benches.splice(0).forEach(bench => bench.kill()))
  return (options = {}) => {
    const bench = new RingFeedBench(options)
    benches.push(bench)
    return bench
  }
}

/** One feed of one thread, with its loop, in the thread of the test, which stands for the brokers and for the seats. */
export class RingFeedBench {
  readonly memory: RingMemory
  readonly reader: RingReader
  readonly feed: RingFeed
  readonly failures: GroupError[] = []
  /** While the feed is fetched for. */
  inbox: LaneInbox | null = null
  readonly #worker = new WorkerMemory()
  readonly #loop = new FeedLoop(this.#worker)

  constructor(options: RingFeedBenchOptions) {
    const { frontiers, inHand = [], feedBelow, paused = false, memory, lanes = 4, ...shape } = options
    const start = { frontiers: frontiers ?? new Array<number>(lanes).fill(0), inHand }
    this.memory = memory ?? RingMemory.create({ ...SHAPE, ...shape }, start)
    this.reader = new RingReader(this.memory)
    const id = { topic: 't', partition: 0, epoch: 1n, lane: FEED_LANE }
    const ring = this.memory.buffer
    this.feed = new RingFeed(
      { ...id, ring, feedBelow: feedBelow ?? null, paused },
      {
        ...{ maxBatchBytes: 2 ** 20, readCommitted: true },
        attach: inbox => {
          this.inbox = inbox
          inbox.setReachable(true)
        },
        detach: () => (this.inbox = null),
        fetchChanged: () => {},
        dropped: () => {},
        wake: feed => this.#loop.wake(feed),
        failed: (_lane, error) => this.failures.push(error),
      },
    )
    this.feed.start()
  }

  get headOffset(): number {
    return this.memory.headOffset
  }

  get waitsFor(): FeedWaitReason {
    return this.memory.feedWaitsFor
  }

  /** Of its loop. */
  get turns(): number {
    return this.#worker.read().loopTurns
  }

  /** One answer. */
  deliver(records: Buffer, endOffset: number, aborted: RandomLog['aborted'] = []): void {
    const inbox = this.inbox!
    inbox.answered(endOffset)
    inbox.accept({ records, fetchOffset: inbox.position, aborted, endOffset, wholeBytes: 0 })
  }

  deliverRecords(...records: TestRecord[]): void {
    this.deliver(encodeBatch({ records }), records.at(-1)!.offset + 1)
  }

  /** Batch by batch. */
  deliverLog({ batches, aborted, endOffset }: RandomLog): void {
    for (const { bytes, lastOffset } of batches) {
      const { position } = this.inbox!
      if (lastOffset < position) continue
      const reaching = aborted.filter(({ markerOffset }) => markerOffset >= position)
      this.deliver(bytes, endOffset, reaching)
    }
  }

  /** Whatever can happen now has happened. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await nextTurn()
  }

  kill(): void {
    this.feed.drain()
    this.#loop.stop()
  }
}

/** Records with these offsets, of one key or none. */
export function plainRecords(offsets: readonly number[], valueBytes = 10, key = 'k'): TestRecord[] {
  return offsets.map(offset => ({ offset, key: Buffer.from(key), value: Buffer.alloc(valueBytes, offset) }))
}
