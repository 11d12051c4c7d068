import { fileURLToPath } from 'node:url'
import type { ThreadContext } from '../handler.ts'
import { toWire } from '../shared/error-wire.ts'
import { GroupError, messageOf } from '../shared/errors.ts'
import type { KafkaConnectionOptions } from '../shared/kafka/connection-options.ts'
import { openBrokerConnection } from '../shared/kafka/open-broker-connection.ts'
import type { Logger } from '../shared/logger.ts'
import { GroupMemory } from '../shared/memory/group-memory.ts'
import { WorkerMemory } from '../shared/memory/worker-memory.ts'
import {
  FEED_LANE,
  type CoordinatorApi,
  type FeedStart,
  type LaneId,
  type LaneStart,
  type LeaderView,
  type SeatStart,
  type WorkerApi,
  type WorkerMessage,
  type WorkerSettings,
} from '../shared/protocol.ts'
import { DeadlineTimer, type TimedLane } from './attempts/deadline-timer.ts'
import { Feeds } from './feed/feeds.ts'
import { GarbageLimit } from './feed/garbage-limit.ts'
import { createThreadContext, LaneContext } from './handler/contexts.ts'
import { checkBatching, type LoadedHandler } from './handler/handler-exports.ts'
import { loadHandler } from './handler/load-handler.ts'
import { createPortLogger } from './handler/port-logger.ts'
import { Lane, type LaneHost } from './lane.ts'
import { hookFailed } from './lane-errors.ts'
import { laneName } from './lane-name.ts'
import { RecordLoop } from './record-loop.ts'
import { openSeat } from './ring/open-seat.ts'
import { Seat } from './ring/seat.ts'
import type { RunningCount } from './ring/seat-taking.ts'
import { RingFeeder } from './ring/ring-feeder.ts'
import type { TakingHost, ThreadLane } from './taking-host.ts'

export interface WorkerParts {
  readonly settings: WorkerSettings
  readonly groupMemory: SharedArrayBuffer
  readonly workerMemory: SharedArrayBuffer
  readonly coordinator: CoordinatorApi
  post(message: WorkerMessage): void
}

/** What a thread has once its handler module was imported and `setup` has run. */
interface Loaded {
  readonly handler: LoadedHandler
  readonly context: ThreadContext
}

/** What may lie about unused beside the bytes that may be in use. */
const GARBAGE_SHARE = 1 / 4

/** One thread's side of the group: its lanes and the loop that runs them, or the rings that it fills; and the feeds. */
export class Worker implements WorkerApi {
  readonly #parts: WorkerParts
  readonly #group: GroupMemory
  readonly #loop: RecordLoop
  readonly #feeds: Feeds
  readonly #feeder: RingFeeder
  readonly #garbage: GarbageLimit
  readonly #deadlines: DeadlineTimer
  readonly #logger: Logger
  readonly #lanes = new Map<string, ThreadLane>()
  /** Async handlers of all seats of the thread. */
  readonly #running: RunningCount = { count: 0 }
  #loading: Promise<void> | null = null
  #loaded: Loaded | null = null
  #stopped: Promise<void> | null = null

  constructor(parts: WorkerParts) {
    const { settings } = parts
    this.#parts = parts
    this.#group = new GroupMemory(parts.groupMemory)
    const memory = new WorkerMemory(parts.workerMemory)
    this.#loop = new RecordLoop(this.#group, memory)
    this.#deadlines = new DeadlineTimer(settings.handlerTimeoutMs, () => this.#timed())
    this.#logger = createPortLogger(message => parts.post(message))
    const options = connectionOptions(parts)
    this.#feeds = new Feeds(settings, {
      openConnection: (address, signal) =>
        openBrokerConnection({ address, options, logger: this.#logger, signal }),
      leadersStale: reason => parts.post({ type: 'leaders-stale', reason }),
      troubled: (inbox, error) => this.#troubled(inbox.lane, error),
      resolveOutOfRange: (lane, position) => parts.coordinator.resolveOutOfRange(lane, position),
    })
    this.#garbage = new GarbageLimit({
      maxBytes: settings.maxBufferedBytes * GARBAGE_SHARE,
      heldBytes: () => this.#feeds.heldBytes,
    })
    this.#feeder = new RingFeeder({
      ...{ settings, memory, feeds: this.#feeds },
      dropped: bytes => this.#garbage.dropped(bytes),
      post: message => parts.post(message),
    })
  }

  loadHandler(threadId: number): Promise<void> {
    this.#loading ??= this.#load(threadId)
    return this.#loading
  }

  updateLeaders(view: LeaderView): void {
    if (this.#stopped === null) this.#feeds.updateLeaders(view)
  }

  startLane(start: LaneStart): Promise<void> {
    return this.#startLane(start, loaded => new Lane(start, contextOf(start, loaded), this.#laneHost(loaded)))
  }

  startSeat(start: SeatStart): Promise<void> {
    const ring = openSeat(start)
    if (ring === null) return Promise.resolve()
    return this.#startLane(start, loaded => {
      return new Seat(start, ring, () => contextOf(start, loaded), {
        ...this.#takingHost(loaded.handler),
        running: this.#running,
      })
    })
  }

  startFeed(start: FeedStart): void {
    if (this.#stopped !== null)
      throw new GroupError('NOT_RUNNING', `feed ${laneName(start)} cannot start: the thread is stopping`)
    this.#feeder.start(start)
  }

  async drainLane(id: LaneId): Promise<void> {
    if (id.lane === FEED_LANE) {
      this.#feeder.drain(id)
      return
    }
    const name = laneName(id)
    const lane = this.#lanes.get(name)
    if (lane === undefined) return // it was never here, or is drained
    await lane.drain()
    this.#forget(name, lane)
  }

  abortLane(id: LaneId, reason: string): void {
    this.#lanes.get(laneName(id))?.abort(reason)
  }

  setPaused(id: LaneId, paused: boolean): void {
    if (id.lane === FEED_LANE) this.#feeder.setPaused(id, paused)
    else this.#lanes.get(laneName(id))?.setPaused(paused)
  }

  wake(): void {
    this.#loop.wake()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #load(threadId: number): Promise<void> {
    const { settings } = this.#parts
    const { handlerUrl } = settings
    const handler = await loadHandler(handlerUrl)
    checkBatching(handler, settings, fileURLToPath(handlerUrl))
    const context = createThreadContext(settings, threadId, this.#logger)
    try {
      await handler.setup?.(context)
    } catch (thrown) {
      throw new GroupError('HANDLER_SETUP_FAILED', `'setup' of ${handlerUrl} failed: ${messageOf(thrown)}`, {
        details: { handlerUrl, threadId },
        cause: thrown,
      })
    }
    this.#loaded = { handler, context }
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map(lane => this.drainLane(lane.id)))
    this.#loop.stop()
    this.#deadlines.stop()
    this.#feeder.stop()
    this.#feeds.close()
    try {
      await this.#loaded?.handler.teardown?.(this.#loaded.context)
    } catch (thrown) {
      // Every record is finished by now, so nothing but the user's own cleaning up is affected.
      this.#logger.error(
        { err: hookFailed('teardown', null, thrown) },
        'teardown of the handler module failed',
      )
    }
  }

  async #startLane(id: LaneId, create: (loaded: Loaded) => ThreadLane): Promise<void> {
    const name = laneName(id)
    if (this.#stopped !== null)
      throw new GroupError('NOT_RUNNING', `lane ${name} cannot start: the thread is stopping`)
    if (this.#loaded === null || this.#lanes.has(name))
      throw new GroupError(
        'INTERNAL',
        `lane ${name} cannot start: ${this.#loaded === null ? 'no handler is loaded' : 'it runs'}`,
      )
    const lane = create(this.#loaded)
    this.#lanes.set(name, lane)
    this.#loop.add(lane)
    try {
      await lane.start()
    } catch (error) {
      this.#forget(name, lane)
      throw error
    }
  }

  *#timed(): Generator<TimedLane> {
    for (const { timed } of this.#lanes.values()) yield* timed
  }

  #forget(name: string, lane: ThreadLane): void {
    this.#loop.remove(lane)
    // Two callers may have waited for the same drain, and the second may find a lane that was started anew.
    if (this.#lanes.get(name) === lane) this.#lanes.delete(name)
  }

  #laneHost({ handler }: Loaded): LaneHost {
    const { maxBatchBytes, readCommitted } = this.#parts.settings
    return {
      ...this.#takingHost(handler),
      maxBatchBytes,
      readCommitted,
      attach: inbox => this.#feeds.attach(inbox),
      detach: inbox => this.#feeds.detach(inbox),
      fetchChanged: inbox => this.#feeds.changed(inbox),
      hasRoom: inbox => this.#feeds.hasRoom(inbox),
      dropped: bytes => this.#garbage.dropped(bytes),
    }
  }

  #takingHost(handler: LoadedHandler): TakingHost {
    const { settings, coordinator } = this.#parts
    return {
      group: this.#group,
      handler,
      settings,
      wake: () => this.#loop.wake(),
      awaits: () => this.#deadlines.awaits(),
      settled: lane => this.#loop.settled(lane),
      recordFailed: message => this.#parts.post(message),
      usedUp: message => this.#parts.post(message),
      deadLetter: letter => coordinator.deadLetter(letter),
      announce: (lane, announcement) => coordinator.announce(lane, announcement),
      aloneOver: (lane, runsOn) => void coordinator.aloneOver(lane, runsOn).catch(() => {}), // the claim is over, and that with it
      failed: (lane, error) => this.#parts.post({ type: 'lane-failed', lane, error: toWire(error) }),
      troubled: (lane, error) => this.#troubled(lane, error),
    }
  }

  #troubled(lane: LaneId, error: GroupError): void {
    this.#parts.post({ type: 'lane-troubled', lane, error: toWire(error) })
  }
}

function contextOf({ epoch }: LaneId, { context }: Loaded): LaneContext {
  return new LaneContext(context, epoch)
}

/** The token function stayed with the coordinator: functions do not cross threads. */
function connectionOptions({ settings, coordinator }: WorkerParts): KafkaConnectionOptions {
  const { connection } = settings
  if (connection.sasl?.mechanism !== 'oauthbearer') return connection
  const oauthBearerProvider = (): Promise<{ value: string }> => coordinator.oauthToken()
  return { ...connection, sasl: { mechanism: 'oauthbearer', oauthBearerProvider } }
}
