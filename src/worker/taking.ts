import type { GroupMemory } from '../shared/memory/group-memory.ts'
import type { LaneMemory } from '../shared/memory/lane-memory.ts'
import type { GroupError } from '../shared/errors.ts'
import type { CarefulStart, LaneId } from '../shared/protocol.ts'
import { Permission, type Asked } from './attempts/permission.ts'
import { Attempts, type AttemptsParts } from './attempts/attempts.ts'
import { AwaitedResult } from './attempts/awaited-result.ts'
import type { FateListener } from './attempts/fate.ts'
import { Unfinished } from './attempts/unfinished.ts'
import { BatchCall } from './batch/batch-call.ts'
import { BatchTaker } from './batch/batch-taker.ts'
import type { RecordCursor } from './decode/record-cursor.ts'
import { valueDecoder } from './decode/value-decoders.ts'
import type { LaneInbox } from './feed/lane-inbox.ts'
import { LaneContext } from './handler/contexts.ts'
import type { LoadedHandler } from './handler/handler-exports.ts'
import { attemptTimedOut } from './lane-errors.ts'
import type { Taker } from './lane-taker.ts'
import type { RecordOrigin } from './record.ts'
import { RecordSource } from './record-source.ts'
import { callOnOne, RecordTaker } from './record-taker.ts'
import type { TakeResult } from './take-result.ts'
import type { TakingSettings } from './taking-host.ts'

export interface TakingListener extends FateListener {
  /** The promise of the record in hand is done, whatever came of it. */
  settled(): void
  /** See CoordinatorApi. */
  announce(announcement: Asked): Promise<boolean>
  aloneOver(): void
  /** What comes next cannot be read; everything before it is finished. */
  feedFailed(thrown: unknown): void
}

export interface TakingParts {
  readonly lane: LaneId
  readonly settings: TakingSettings
  readonly handler: LoadedHandler
  readonly context: LaneContext
  readonly group: GroupMemory
  /** Of the claim. */
  readonly generation: number
  readonly memory: LaneMemory
  readonly inbox: LaneInbox
  readonly cursor: RecordCursor
  readonly lastFailure: GroupError | null
  readonly careful: CarefulStart | null
  readonly listener: TakingListener
  /** More can be fetched for it. */
  readonly hasRoom: () => boolean
}

/** How one lane takes its records, put together: where they come from, how the handler is called, and what is in hand. */
export class Taking {
  readonly #parts: TakingParts
  readonly #source: RecordSource
  readonly #unfinished: Unfinished
  readonly #awaited: AwaitedResult
  readonly #permission: Permission
  readonly #attempts: Attempts
  readonly #taker: Taker

  constructor(parts: TakingParts) {
    const { memory, cursor, inbox, lane, handler } = parts
    const { topic, partition } = lane
    this.#parts = parts
    this.#source = new RecordSource(cursor, inbox)
    this.#unfinished = new Unfinished(memory)
    this.#awaited = new AwaitedResult({
      settled: () => this.#onSettled(),
      timedOut: cause => this.#deadlineError(cause),
    })
    this.#permission = this.#makePermission()
    const origin = { topic, partition, decode: valueDecoder(handler.decode) }
    this.#attempts = new Attempts(this.#attemptsParts(origin))
    this.#taker = this.#makeTaker(origin)
  }

  /** A record could be taken, as far as this lane's own records go. */
  get canTake(): boolean {
    return this.#awaited.sinceMs === null && this.waitsFor === '' && this.#mayBegin && this.#taker.isReady
  }

  /** Since when an async handler runs; null if none does. */
  get awaitingSinceMs(): number | null {
    return this.#awaited.sinceMs
  }

  get isTimedOut(): boolean {
    return this.#awaited.isTimedOut
  }

  get waitsFor(): '' | 'retry' | 'dead-letter' | 'announce' | 'alone' {
    const { waitsFor } = this.#attempts
    return waitsFor === '' ? this.#permission.waitsFor : waitsFor
  }

  /** Only while `canTake`. At least one call of the handler, if nothing prevents it. */
  take(untilMs: number): TakeResult {
    const { memory } = this.#parts
    memory.setInHand('slice')
    this.#permission.begin()
    try {
      const result = this.#taker.take(untilMs)
      if (result !== 'more' && result !== 'held' && result !== 'awaiting') this.rest()
      return result
    } catch (thrown) {
      this.#feedFailed(thrown)
      return 'failed'
    } finally {
      this.#publishInHand()
    }
  }

  /** Only while an async handler is awaited: its time is over. */
  timeOut(): void {
    const { memory, context } = this.#parts
    const error = this.#deadlineError()
    this.#awaited.timeOut(error)
    memory.setInHand('timed-out') // before anybody hears of it, who might end the thread
    LaneContext.abortAttempt(context, error)
  }

  /** Nothing is about to run: no other lane has to wait for it. Not while a record is in hand. */
  rest(): void {
    this.#permission.endAlone()
    this.#permission.pause()
  }

  /** Nothing is waited for any more but the handler that runs. Idempotent. */
  cancel(): void {
    this.#taker.cancel()
  }

  /** A lane that takes nothing any more keeps no bytes. Not while a record is in hand. */
  release(): void {
    this.#source.release()
  }

  /** While another lane runs alone, nothing may. Whoever ends that wakes the loop. */
  get #mayBegin(): boolean {
    return !this.#parts.group.isOneAlone || this.#permission.isAlone
  }

  #makePermission(): Permission {
    const { careful, memory, listener } = this.#parts
    return new Permission({
      careful,
      highWatermark: () => memory.read().highWatermark,
      announce: announcement => listener.announce(announcement),
      aloneOver: () => listener.aloneOver(),
      changed: () => listener.waitChanged(),
    })
  }

  #attemptsParts(origin: RecordOrigin): AttemptsParts {
    const { lane, settings, group, generation, memory, context, handler, lastFailure, listener } = this.#parts
    const [unfinished, awaited] = [this.#unfinished, this.#awaited]
    return {
      ...{ lane, settings, group, generation, memory, context, lastFailure, listener },
      ...{ unfinished, awaited, origin, permission: this.#permission },
      threadId: context.threadId,
      rule: handler.retry,
      call:
        handler.handleBatch === undefined
          ? callOnOne(handler.handle, context)
          : records => new BatchCall({ ...handler, context }, records),
      isGivenUp: () => LaneContext.isGivenUp(context),
    }
  }

  #makeTaker(origin: RecordOrigin): Taker {
    const { group, generation, memory, settings, handler, context, listener, hasRoom } = this.#parts
    const own = {
      source: this.#source,
      unfinished: this.#unfinished,
      attempts: this.#attempts,
      awaited: this.#awaited,
      permission: this.#permission,
      memory,
      origin,
    }
    const { batchSize, batchWaitMs } = settings
    return handler.handleBatch === undefined
      ? new RecordTaker({ ...own, group, generation, handle: handler.handle, context })
      : new BatchTaker({ ...own, batchSize, batchWaitMs, hasRoom, due: () => listener.waitChanged() })
  }

  #publishInHand(): void {
    const { memory } = this.#parts
    const { sinceMs } = this.#awaited
    if (sinceMs === null) memory.setInHand('nothing')
    else memory.setAwaited(sinceMs)
  }

  #onSettled(): void {
    const { context, memory, listener } = this.#parts
    LaneContext.renewSignal(context)
    memory.setInHand('nothing')
    this.rest()
    listener.settled()
  }

  #feedFailed(thrown: unknown): void {
    this.#source.close()
    // What came before the damage is good. A defect of ours may be thrown beside a record in hand: the floor stays there.
    if (this.#attempts.isIdle) this.#unfinished.passed(this.#source.passed)
    this.#parts.listener.feedFailed(thrown)
  }

  #deadlineError(cause?: unknown): GroupError {
    const { lane, settings, context } = this.#parts
    const { topic, partition } = lane
    const place = { topic, partition, ...this.#taker.running, threadId: context.threadId }
    return attemptTimedOut(place, settings.handlerTimeoutMs!, cause)
  }
}
