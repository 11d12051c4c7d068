import type { CarefulStart } from '../../../shared/protocol.ts'
import { clearSeat, readRing, readSeat } from '../../../shared/memory/ring/read-ring.ts'
import { SEAT_PRESENCE_NUMBER } from '../../../shared/memory/ring/ring-layout.ts'
import type { RingMemory } from '../../../shared/memory/ring/ring-memory.ts'
import type { WorkerThread } from '../../threads/worker-thread.ts'
import type { InHandOnThread } from './in-hand-on-thread.ts'
import { OnThread } from './on-thread.ts'
import { OutWatch } from './out-watch.ts'
import type { PartitionWorkHost } from './partition-work.ts'
import type { RingNews } from './ring-news.ts'
import { inHandOfSeat } from './seat-in-hand.ts'

export interface RingSeatHost extends Pick<
  PartitionWorkHost,
  'laneId' | 'generation' | 'isPaused' | 'replacementOf' | 'fail'
> {
  readonly memory: RingMemory
  readonly news: RingNews
  /** Records of all its seats that a thread may run at once. */
  readonly concurrency: number
  /** Aborts when nothing of the ring is to run any more. */
  readonly over: AbortSignal
  /** Null: it is worked off normally. */
  careful(): CarefulStart | null
  mayGoOn(): boolean
  /** Nothing of the seat runs now. */
  rest(): void
  runs(where: string): void
}

/** One seat of a ring: start, move and end on its thread run one after the other, beside those of the other seats. */
export class RingSeat {
  readonly #number: number
  readonly #host: RingSeatHost
  readonly #share: OnThread
  #operations: Promise<void> = Promise.resolve()
  /** Records that threads before had finished on this seat. */
  #handledBefore = 0
  /** Nothing of it runs any more. What its thread has still to say of it is of no use: the partition may go on with other lanes by then. */
  #isOut = false

  constructor(number: number, host: RingSeatHost) {
    this.#number = number
    this.#host = host
    this.#share = new OnThread({
      laneId: host.laneId,
      givenUp: host.over,
      isPaused: () => host.isPaused(),
      replacementOf: thread => host.replacementOf(thread),
      mayGoOn: () => this.#mayGoOn,
      startOn: (thread, paused) => this.#startOn(thread, paused),
      chosen: () => host.rest(), // whatever the seat ran before, even if that ended before it said that it runs
      runs: thread => {
        if (!this.#isOut) host.runs(`on thread ${thread.threadId}`)
      },
      left: thread => {
        if (!this.#isOut) this.#left(thread)
      },
      fail: error => {
        if (!this.#isOut) host.fail(error)
      },
    })
  }

  get thread(): WorkerThread | null {
    return this.#isOut ? null : this.#share.thread
  }

  get handled(): number {
    return Atomics.load(this.#host.memory.seats.handled, this.#number) >>> 0
  }

  /** Of the present thread. */
  get handledHere(): number {
    return (this.handled - this.#handledBefore) >>> 0
  }

  get inHand(): readonly InHandOnThread[] {
    return inHandOfSeat(this.#host.memory, this.#number, this.#host.news)
  }

  /** Its thread has exited, and what it had in hand is judged. */
  putDown(): void {
    clearSeat(this.#host.memory, this.#number)
  }

  /** Resolves when it runs, cannot run or was given up. */
  start(thread: WorkerThread): Promise<void> {
    return this.#enqueue(async () => {
      if (this.thread === null && this.#mayGoOn) await this.#share.runOn(thread)
    })
  }

  /** Of a ring that is closed. Resolves when its thread has drained it, or when nothing is left to wait for: then the thread forgets it when it can. */
  async drain(): Promise<void> {
    const drained = this.#enqueue(() => this.#share.drain())
    const watch = new OutWatch(this.#host.memory, this.#number)
    await Promise.race([drained, watch.isOut]).finally(() => watch.stop())
    this.#getOut()
  }

  moveOff(thread: WorkerThread, replacement: Promise<WorkerThread>, drained: () => void): Promise<void> {
    return this.#enqueue(async () => {
      const isThere = this.thread === thread
      if (isThere) await this.#share.drain()
      drained()
      if (isThere && this.#mayGoOn) await this.#share.goOnOn(replacement)
    })
  }

  async abortSignal(reason: string): Promise<void> {
    if (!this.#isOut) await this.#share.abortSignal(reason)
  }

  async setPaused(paused: boolean): Promise<void> {
    if (!this.#isOut) await this.#share.setPaused(paused)
  }

  get #mayGoOn(): boolean {
    return this.#host.mayGoOn() && !this.#host.over.aborted
  }

  async #startOn(thread: WorkerThread, paused: boolean): Promise<void> {
    const { laneId, generation, memory, news, concurrency } = this.#host
    // What a thread before has left there; nobody else has the seat now.
    Atomics.store(memory.seats.presence, this.#number, SEAT_PRESENCE_NUMBER.absent)
    await thread.startSeat({
      ...laneId,
      ring: memory.buffer,
      seat: this.#number,
      generation,
      paused,
      concurrency,
      careful: this.#host.careful(),
      ...news.forSeat(readRing(memory).inHand, readSeat(memory, this.#number)),
    })
  }

  #getOut(): void {
    const { thread } = this
    if (thread !== null) this.#left(thread)
    this.#isOut = true
  }

  #left(thread: WorkerThread): void {
    thread.creditHandled(this.handledHere)
    this.#handledBefore = this.handled
    this.#host.rest()
  }

  #enqueue(operation: () => Promise<void>): Promise<void> {
    const result = this.#operations.then(operation)
    this.#operations = result.catch(() => {}) // told to whoever asked for the operation
    return result
  }
}
