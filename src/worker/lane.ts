import { deferred, type Deferred } from '../shared/deferred.ts'
import { GroupError } from '../shared/errors.ts'
import type { GroupMemory } from '../shared/memory/group-memory.ts'
import { LaneMemory, type WaitReason } from '../shared/memory/lane-memory.ts'
import type { LaneId, LaneStart } from '../shared/protocol.ts'
import { StateMachine } from '../shared/state-machine.ts'
import { partitionName, type Offset } from '../shared/types.ts'
import type { HandlerPartition } from '../handler.ts'
import { RecordCursor } from './decode/record-cursor.ts'
import { LaneInbox } from './feed/lane-inbox.ts'
import { LaneContext } from './handler/contexts.ts'
import type { LoadedHandler } from './handler/handler-exports.ts'
import { feedFailed, handlerFailed, hookFailed } from './lane-errors.ts'
import { LANE_MOVES, type LaneState } from './lane-state.ts'
import { valueDecoder } from './decode/value-decoders.ts'
import { RecordTaker, type TakeResult } from './record-taker.ts'

/** What a lane needs of its thread. */
export interface LaneHost {
  readonly group: GroupMemory
  readonly handler: LoadedHandler
  readonly threadId: number
  readonly maxBatchBytes: number
  readonly readCommitted: boolean
  /** Fetch for it from now on. */
  attach(inbox: LaneInbox): void
  detach(inbox: LaneInbox): void
  fetchChanged(inbox: LaneInbox): void
  /** As many fetched bytes are no longer needed. */
  dropped(bytes: number): void
  /** It can take records now. */
  wake(lane: Lane): void
  /** Its async record is done, whatever the lane can do next. */
  settled(lane: Lane): void
  failed(lane: LaneId, error: GroupError): void
  troubled(lane: LaneId, error: GroupError): void
}

/** One lane of one claim on this thread, from its start to its drain. Everything to go on elsewhere is in its memory. */
export class Lane {
  readonly id: LaneId
  readonly #host: LaneHost
  readonly #memory: LaneMemory
  readonly #context: LaneContext
  readonly #partition: HandlerPartition
  readonly #inbox: LaneInbox
  readonly #taker: RecordTaker
  readonly #state: StateMachine<LaneState>
  readonly #generation: number
  #isPaused: boolean
  /** Set by the loop while the lease is over and records wait for it. */
  #isHeld = false
  /** Set by the loop while another lane runs alone. */
  #isAside = false
  #suspectForMs: number
  /** Attempts when it came under suspicion. */
  readonly #attemptsBefore: number
  #waitsFor: WaitReason = ''
  #bufferedBytes = 0
  #started: Promise<void> | null = null
  #drained: Promise<void> | null = null
  /** Waited for by a drain while a record is in hand. */
  #settled: Deferred<void> | null = null

  constructor(start: LaneStart, context: LaneContext, host: LaneHost) {
    const { topic, partition, epoch, lane } = start
    this.id = { topic, partition, epoch, lane }
    this.#host = host
    this.#context = context
    this.#partition = { topic, partition }
    this.#generation = start.generation
    this.#isPaused = start.paused
    this.#memory = LaneMemory.attach(start.memory)
    this.#suspectForMs = start.suspectForMs
    this.#attemptsBefore = attemptsOf(this.#memory)
    this.#state = new StateMachine(`lane ${partitionName(start)}`, LANE_MOVES, 'starting')
    this.#inbox = new LaneInbox({
      lane: this.id,
      position: this.#memory.floor,
      maxBatchBytes: host.maxBatchBytes,
      listener: {
        arrived: () => host.wake(this),
        changed: () => this.#fetchChanged(),
        sawEnd: offset => this.#memory.setHighWatermark(offset),
        dropped: bytes => host.dropped(bytes),
      },
    })
    this.#inbox.setPaused(this.#isPaused)
    this.#taker = new RecordTaker({
      group: host.group,
      generation: start.generation,
      memory: this.#memory,
      inbox: this.#inbox,
      cursor: new RecordCursor({ ...host, crc: 'checked' }), // by the inbox, before it believed the offsets
      origin: { topic, partition, decode: valueDecoder(host.handler.decode) },
      handle: host.handler.handle,
      context,
      listener: {
        settled: () => this.#onSettled(),
        handlerFailed: (offset, thrown) => this.#onHandlerFailed(offset, thrown),
        feedFailed: thrown => this.#fail(feedFailed(this.#partition, this.#memory.floor, thrown)),
      },
    })
  }

  get state(): LaneState {
    return this.#state.state
  }

  /** Records may be taken and there are some. */
  get canTake(): boolean {
    return (
      this.#state.is('running') &&
      !this.#isPaused &&
      !this.#context.signal.aborted &&
      !this.#host.group.isVoid(this.#generation) &&
      this.#taker.awaitingSinceMs === null &&
      !this.#taker.isEmpty
    )
  }

  /** Since when an async handler of it runs; null if none does. */
  get awaitingSinceMs(): number | null {
    return this.#taker.awaitingSinceMs
  }

  /** Suspected until an attempt has ended, whichever way. */
  get suspectForMs(): number {
    if (this.#suspectForMs > 0 && attemptsOf(this.#memory) !== this.#attemptsBefore) this.#suspectForMs = 0
    return this.#suspectForMs
  }

  trust(): void {
    this.#suspectForMs = 0
  }

  setAside(isAside: boolean): void {
    this.#isAside = isAside
    this.#publish()
  }

  /** Runs `claimed`, then opens the lane. HANDLER_HOOK_FAILED: the lane is over. */
  start(): Promise<void> {
    this.#started ??= this.#start()
    return this.#started
  }

  /** Only while `canTake`. */
  take(untilMs: number): TakeResult {
    return this.#taker.take(untilMs)
  }

  setHeld(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#publish()
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#inbox.setPaused(isPaused)
    if (!isPaused) this.#host.wake(this)
  }

  /** Tells the handler in hand to give up; no further record is taken. */
  abort(reason: string): void {
    const { topic, partition } = this.id
    const error = new GroupError('CLAIM_LOST', `${partitionName(this.id)}: ${reason}`, {
      details: { topic, partition },
    })
    LaneContext.abort(this.#context, error)
  }

  /** Takes no further record, waits for the one in hand, runs `released`. Idempotent; never rejects. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  async #start(): Promise<void> {
    try {
      await this.#host.handler.claimed?.(this.#partition, this.#context)
    } catch (thrown) {
      if (this.#state.is('starting')) this.#state.moveTo('drained', "'claimed' failed")
      throw hookFailed('claimed', this.#partition, thrown)
    }
    if (!this.#state.is('starting')) return // drained while the hook ran
    this.#state.moveTo('running', 'started')
    this.#host.attach(this.#inbox)
    this.#publish()
  }

  async #drain(): Promise<void> {
    if (this.#state.is('drained')) return
    const wasStarting = this.#state.is('starting')
    this.#state.moveTo('draining', 'asked to')
    this.#closeInbox()
    if (wasStarting && !(await this.#hasStarted())) return
    if (this.#taker.awaitingSinceMs !== null) {
      this.#settled = deferred()
      await this.#settled.promise
    }
    try {
      await this.#host.handler.released?.(this.#partition, this.#context)
    } catch (thrown) {
      // Progress is in the memory whatever the hook does: the partition can be given up.
      this.#host.troubled(this.id, hookFailed('released', this.#partition, thrown))
    }
    this.#end('released')
  }

  /** False if `claimed` failed: then there is nothing to release; whoever called start hears of it. */
  async #hasStarted(): Promise<boolean> {
    try {
      await this.#started
      return true
    } catch {
      this.#end("'claimed' failed") // reported by start()
      return false
    }
  }

  #end(reason: string): void {
    this.#state.moveTo('drained', reason)
    this.#publish()
  }

  #closeInbox(): void {
    this.#host.detach(this.#inbox)
    this.#inbox.close()
    this.#publish()
  }

  #onHandlerFailed(offset: Offset, thrown: unknown): void {
    this.#memory.addFailed()
    this.#fail(handlerFailed(this.#partition, offset, this.#host.threadId, thrown))
  }

  #fail(error: GroupError): void {
    if (this.#state.is('draining')) {
      this.#host.troubled(this.id, error) // whoever goes on with the lane meets the same record
      return
    }
    this.#state.moveTo('failed', error.code)
    this.#taker.release()
    this.#closeInbox()
    this.#host.failed(this.id, error)
  }

  #onSettled(): void {
    this.#settled?.resolve()
    this.#host.settled(this)
  }

  #fetchChanged(): void {
    const { bufferedBytes } = this.#inbox
    if (bufferedBytes !== this.#bufferedBytes) {
      this.#bufferedBytes = bufferedBytes
      this.#memory.setBufferedBytes(bufferedBytes)
    }
    this.#publish()
    this.#host.fetchChanged(this.#inbox)
  }

  #publish(): void {
    const reason = this.#waitReason()
    if (reason === this.#waitsFor) return
    this.#waitsFor = reason
    this.#memory.setWaitsFor(reason)
  }

  #waitReason(): WaitReason {
    if (this.#state.is('draining')) return 'draining'
    if (this.#state.is('failed')) return 'failed'
    if (!this.#state.is('running')) return ''
    if (this.#isPaused) return 'paused'
    if (this.#isHeld) return 'lease'
    if (this.#isAside) return 'suspect'
    return this.#inbox.isInTrouble ? 'fetch-error' : ''
  }
}

/** Attempts that have ended under this claim. */
function attemptsOf(memory: LaneMemory): number {
  const { handled, failed } = memory.read()
  return handled + failed
}
