import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import { monotonicMs } from '../../shared/clock.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { WorkReading } from '../partitions/work/partition-work.ts'
import { chooseMove, type LaneMove, type LaneObservation, type ThreadObservation } from './lane-balance.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'

const LOOK_EVERY_MS = 500
/** A lane that moved stays for a while, so that two threads do not pass it to and fro. */
const REST_AFTER_MOVE_MS = 3000
/** A thread must be behind on as many looks in a row: one long handler is no imbalance. */
const LOOKS_BEFORE_MOVE = 2
/** A lane that takes longer to leave is not waited for with the next move. */
const MOVE_PATIENCE_MS = 10_000

interface LastLook {
  readonly atMs: number
  readonly busyMs: ReadonlyMap<WorkerThread, number>
  readonly handled: ReadonlyMap<OwnedPartition, number>
}

/** Looks at the threads' shared memory now and then and moves one lane when one is idle while another is behind. */
export class LaneBalancer {
  readonly #threads: readonly WorkerThread[]
  readonly #partitions: () => Iterable<OwnedPartition>
  readonly #logger: Logger
  readonly #movedAtMs = new WeakMap<OwnedPartition, number>()
  #timer: NodeJS.Timeout | null = null
  #last: LastLook | null = null
  #looksWithMove = 0
  /** The newest move under way. */
  #move: Promise<void> | null = null
  #moveStartedMs = 0

  constructor(threads: readonly WorkerThread[], partitions: () => Iterable<OwnedPartition>, logger: Logger) {
    this.#threads = threads
    this.#partitions = partitions
    this.#logger = logger
  }

  start(): void {
    if (this.#threads.length > 1) this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  /** Idempotent; a move under way is the partition's own business. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #look(): void {
    if (this.#isMoving) return
    const observed = this.#observe()
    const move = observed === null ? null : chooseMove(observed)
    this.#looksWithMove = move === null ? 0 : this.#looksWithMove + 1
    if (move === null || this.#looksWithMove < LOOKS_BEFORE_MOVE) return
    this.#looksWithMove = 0
    const carriedOut = this.#carryOut(move).finally(() => {
      if (this.#move === carriedOut) this.#move = null
      this.#last = null // the next decision rests on what is seen from now on
    })
    this.#move = carriedOut
  }

  /** A drain waits for the record in hand, and what is seen now will have changed by then; but a stuck record holds up nothing else. */
  get #isMoving(): boolean {
    return this.#move !== null && monotonicMs() - this.#moveStartedMs < MOVE_PATIENCE_MS
  }

  async #carryOut({ lane, from, to }: LaneMove<OwnedPartition>): Promise<void> {
    const { topic, partition } = lane
    this.#moveStartedMs = monotonicMs()
    this.#movedAtMs.set(lane, this.#moveStartedMs)
    this.#logger.info(
      { topic, partition, from, to },
      'moving a lane: one thread is idle while another is behind',
    )
    try {
      await lane.moveTo(this.#threads[to]!)
    } catch (error) {
      this.#logger.error({ topic, partition, err: toLoggable(error) }, 'a lane could not be moved')
    }
  }

  #observe(): ThreadObservation<OwnedPartition>[] | null {
    const last = this.#last
    const nowMs = monotonicMs()
    const partitions = [...this.#partitions()]
    this.#last = {
      atMs: nowMs,
      busyMs: new Map(this.#threads.map(thread => [thread, thread.memory.read().busyMs])),
      handled: new Map(partitions.map(partition => [partition, partition.handled])),
    }
    if (last === null) return null
    const current = this.#last
    return this.#threads.map(thread => ({
      busyShare: thread.isReady ? busyShare(thread, last, current) : 1,
      lanes: partitions
        .filter(partition => partition.thread === thread)
        .map(partition => this.#observeLane(partition, last, nowMs)),
    }))
  }

  #observeLane(partition: OwnedPartition, last: LastLook, nowMs: number): LaneObservation<OwnedPartition> {
    const lane = partition.work?.read()
    const restedMs = nowMs - (this.#movedAtMs.get(partition) ?? -Infinity)
    return {
      lane: partition,
      backlog:
        lane === undefined || !isLoad(lane.waitsFor) ? 0 : Math.max(0, lane.highWatermark - lane.floor),
      handled: (partition.handled - (last.handled.get(partition) ?? 0)) >>> 0,
      movable: partition.state === 'running' && lane?.waitsFor === '' && restedMs > REST_AFTER_MOVE_MS,
    }
  }
}

/** A lane whose records wait whatever the thread does is no work for it, however many they are. */
function isLoad(waitsFor: WorkReading['waitsFor']): boolean {
  return !['retry', 'dead-letter', 'suspect', 'failed', 'paused'].includes(waitsFor)
}

/** A thread inside one slice since before the last look was busy all the time; its busy time counts when the slice ends. */
function busyShare(thread: WorkerThread, last: LastLook, current: LastLook): number {
  const reading = thread.memory.read()
  if (reading.running && reading.runningSinceMs < last.atMs) return 1
  const busyMs = (current.busyMs.get(thread) ?? 0) - (last.busyMs.get(thread) ?? 0)
  return Math.min(1, busyMs / (current.atMs - last.atMs))
}
