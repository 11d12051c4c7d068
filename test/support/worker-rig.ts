import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import { ThreadPool } from '#src/coordinator/threads/thread-pool.js'
import type { WorkerThread, WorkerThreadListener } from '#src/coordinator/threads/worker-thread.js'
import { DEFAULTS } from '#src/options/defaults.js'
import { monotonicMs, wallMs } from '#src/shared/clock.js'
import { fromWire, type ErrorWire } from '#src/shared/error-wire.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { LaneMemory } from '#src/shared/memory/lane-memory.js'
import { type FeedWaitReason, type RingShape } from '#src/shared/memory/ring/ring-layout.js'
import { RingMemory, type RingStart } from '#src/shared/memory/ring/ring-memory.js'
import {
  FEED_LANE,
  type CoordinatorApi,
  type LaneId,
  type LeaderView,
  type WorkerMessage,
  type WorkerSettings,
} from '#src/shared/protocol.js'
import type { Offset } from '#src/shared/types.js'
import { atEnd, type Owner } from './cleanup.ts'
import { connectionOptions } from './kafka-options.ts'
import { sharedStack } from './stack.ts'

export interface RigOptions {
  readonly topic: string
  /** @defaultValue none: the threads can fill rings and no more */
  readonly handler?: URL
  /** @defaultValue 1 */
  readonly threads?: number
  /** @defaultValue the shared stack's */
  readonly brokers?: readonly string[]
  readonly settings?: Partial<WorkerSettings>
  announce?: CoordinatorApi['announce']
  aloneOver?: CoordinatorApi['aloneOver']
  resolveOutOfRange?(lane: LaneId, position: Offset): Promise<Offset>
}

export interface LaneOptions {
  /** @defaultValue 0 */
  readonly floor?: Offset
  /** @defaultValue 0 */
  readonly thread?: number
  readonly paused?: boolean
  /** Of the session that the claim is made in. @defaultValue 0 */
  readonly generation?: number
}

export interface RingOptions {
  /** @defaultValue one lane from offset 0 on */
  readonly start?: RingStart
  readonly shape?: Partial<typeof RING_SHAPE>
  /** Of the feeder. @defaultValue 0 */
  readonly thread?: number
}

const RING_SHAPE: Omit<RingShape, 'lanes' | 'restored'> = {
  ordering: 'key',
  seats: 1,
  slotsPerSeat: 16,
  indexCapacity: 4096,
  dataBytes: 65_536,
}

export function newRing(
  shape?: Partial<typeof RING_SHAPE>,
  start: RingStart = { frontiers: [0], inHand: [] },
): RingMemory {
  return RingMemory.create({ ...RING_SHAPE, ...shape }, start)
}

/** The defaults of the options, as a thread gets them. */
export function rigSettings(handler: URL, threads = 1): WorkerSettings {
  const { fetch } = DEFAULTS
  return {
    groupId: 'rig',
    memberId: 'rig',
    handlerUrl: handler.href,
    connection: connectionOptions(),
    maxBufferedBytes: fetch.maxBufferedBytes / threads,
    maxBytesPerPartition: fetch.maxBytesPerPartition,
    maxWaitMs: fetch.maxWaitMs,
    minBytes: fetch.minBytes,
    maxBatchBytes: fetch.maxBatchBytes,
    readCommitted: true,
    retry: DEFAULTS.retry,
    onFailure: DEFAULTS.onFailure,
    handlerTimeoutMs: DEFAULTS.handlerTimeoutMs,
    batchSize: DEFAULTS.batchSize,
    ordering: DEFAULTS.ordering,
    batchWaitMs: DEFAULTS.batchWaitMs,
  }
}

const NO_HANDLER = new URL('file:///no-handler.js')
const LONG_LEASE_MS = 3_600_000

/** Real worker threads and real brokers, with the test in the coordinator's place. */
export class WorkerRig {
  readonly memory = new GroupMemory()
  /** Everything the threads said, in order. */
  readonly messages: WorkerMessage[] = []
  readonly pool: ThreadPool
  readonly #topic: string
  readonly #maxInHand: number
  readonly #cluster: KafkaCluster
  #epoch = 0n
  #stopped: Promise<void> | null = null

  private constructor(options: RigOptions, cluster: KafkaCluster) {
    const threads = options.threads ?? 1
    this.#topic = options.topic
    this.#maxInHand = options.settings?.batchSize ?? 1
    this.#cluster = cluster
    const settings = { ...rigSettings(options.handler ?? NO_HANDLER, threads), ...options.settings }
    const listener: WorkerThreadListener = {
      message: (_thread, message) => this.#hear(message),
      exited: () => {},
      resolveOutOfRange: (lane, position) =>
        options.resolveOutOfRange?.(lane, position) ?? Promise.reject(new Error(`out of range: ${position}`)),
      deadLetter: () => Promise.reject(new Error('no dead letters')),
      announce: (_, lane, announcement) =>
        options.announce?.(lane, announcement) ?? Promise.reject(new Error('nothing is to be announced')),
      aloneOver: (_, lane, runsOn) =>
        options.aloneOver?.(lane, runsOn) ?? Promise.reject(new Error('nothing runs alone')),
      oauthToken: () => Promise.reject(new Error('no token')),
    }
    this.pool = new ThreadPool(
      { threads, settings, groupMemory: this.memory.buffer, logger: silentLogger },
      listener,
    )
  }

  /** Threads with the handler loaded, if there is one, the leaders known and a lease that outlasts the test. */
  static async start(owner: Owner, options: RigOptions): Promise<WorkerRig> {
    const brokers = options.brokers ?? sharedStack().brokers
    const cluster = new KafkaCluster({ connection: connectionOptions(), logger: silentLogger })
    atEnd(owner, () => cluster.close())
    await cluster.connect(brokers.map(toAddress))
    const rig = new WorkerRig(options, cluster)
    atEnd(owner, () => rig.stop())
    rig.renewLease()
    if (options.handler !== undefined) await rig.pool.loadHandlers()
    await rig.updateLeaders()
    return rig
  }

  /** Errors of lanes that stopped for good. */
  get failures(): Error[] {
    return this.#errors('lane-failed')
  }

  /** Errors of lanes that try on. */
  get troubles(): Error[] {
    return this.#errors('lane-troubled')
  }

  renewLease(durationMs = LONG_LEASE_MS): void {
    this.memory.renewLease({ monoMs: monotonicMs() + durationMs, wallMs: wallMs() + durationMs })
  }

  async updateLeaders(): Promise<LeaderView> {
    const view = await this.#cluster.leaderView([this.#topic])
    await Promise.all(this.pool.threads.map(thread => thread.updateLeaders(view)))
    return view
  }

  thread(index = 0): WorkerThread {
    return this.pool.threads[index]!
  }

  /** Claims a partition and starts its lane. */
  async claim(partition: number, options: LaneOptions = {}): Promise<ClaimedLane> {
    const lane = new ClaimedLane(
      { topic: this.#topic, partition, epoch: (this.#epoch += 1n), lane: 0 },
      LaneMemory.create(options.floor ?? 0, this.#maxInHand),
      this.thread(options.thread),
      options.generation ?? 0,
    )
    await lane.startOn(lane.thread, options.paused)
    return lane
  }

  claimAll(partitions: number, options: LaneOptions = {}): Promise<ClaimedLane[]> {
    return Promise.all(Array.from({ length: partitions }, (_, partition) => this.claim(partition, options)))
  }

  /** Claims a partition and starts to feed its ring. */
  async claimRing(partition: number, options: RingOptions = {}): Promise<ClaimedRing> {
    const { start, shape, thread } = options
    const id = { topic: this.#topic, partition, epoch: (this.#epoch += 1n), lane: FEED_LANE }
    const ring = new ClaimedRing(id, newRing(shape, start))
    await ring.feedOn(this.thread(thread))
    return ring
  }

  /** Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.pool.stop(new AbortController().signal)
    return this.#stopped
  }

  #hear(message: WorkerMessage): void {
    this.messages.push(message)
    if (message.type !== 'leaders-stale') return
    this.updateLeaders().catch(() => {}) // as in the coordinator: the thread asks again; a stopping rig has no leaders
  }

  #errors(type: 'lane-failed' | 'lane-troubled'): Error[] {
    return this.messages.flatMap(message =>
      message.type === type ? [fromWire((message as { error: ErrorWire }).error)] : [],
    )
  }
}

/** One claim, with its lane's memory, on one thread at a time. */
export class ClaimedLane {
  readonly id: LaneId
  readonly memory: LaneMemory
  readonly #generation: number
  #thread: WorkerThread

  constructor(id: LaneId, memory: LaneMemory, thread: WorkerThread, generation: number) {
    this.id = id
    this.memory = memory
    this.#thread = thread
    this.#generation = generation
  }

  get thread(): WorkerThread {
    return this.#thread
  }

  get floor(): Offset {
    return this.memory.floor
  }

  async startOn(thread: WorkerThread, paused = false): Promise<void> {
    this.#thread = thread
    await thread.startLane({
      ...this.id,
      memory: this.memory.buffer,
      generation: this.#generation,
      paused,
      lastFailure: null,
      suspectForMs: 0,
      careful: null,
    })
  }

  drain(): Promise<void> {
    return this.#thread.drainLane(this.id)
  }

  async moveTo(thread: WorkerThread): Promise<void> {
    await this.drain()
    await this.startOn(thread)
  }
}

/** One claim, with its ring, which one thread at a time feeds. */
export class ClaimedRing {
  readonly id: LaneId
  readonly memory: RingMemory
  #thread: WorkerThread | null = null

  constructor(id: LaneId, memory: RingMemory) {
    this.id = id
    this.memory = memory
  }

  get headOffset(): Offset {
    return this.memory.headOffset
  }

  get waitsFor(): FeedWaitReason {
    return this.memory.feedWaitsFor
  }

  async feedOn(thread: WorkerThread): Promise<void> {
    await this.#thread?.drainLane(this.id)
    this.#thread = thread
    await thread.startFeed({ ...this.id, ring: this.memory.buffer, feedBelow: null, paused: false })
  }
}

function toAddress(broker: string): { host: string; port: number } {
  const [host, port] = broker.split(':')
  return { host: host!, port: Number(port) }
}
