import type { KafkaRecord } from '../../handler.ts'
import { monotonicMs, wallMs } from '../../shared/clock.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { GroupMemory } from '../../shared/memory/group-memory.ts'
import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { LaneId, WorkerSettings } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import { LaneContext } from '../handler/contexts.ts'
import type { LoadedHandler } from '../handler/handler-exports.ts'
import { attemptFailed, usedUpBefore, type AttemptPlace } from '../lane-errors.ts'
import { LaneRecord, type RecordOrigin } from '../record.ts'
import type { TakeResult } from '../take-result.ts'
import { isThenable, type AwaitedResult, type Awaiter } from './awaited-result.ts'
import { neverFailed, type RecordAttempts, type RetryWait } from './failed-record.ts'
import { Fate, type FateListener } from './fate.ts'
import type { Permission } from './permission.ts'
import { RecordNews } from './record-news.ts'
import { RetryJudge } from './retry-judge.ts'
import { RetryWaits } from './retry-waits.ts'
import type { Unfinished } from './unfinished.ts'
import { Verdicts, waitOf } from './verdicts.ts'

/** One call of the handler on one record or more. */
export interface HandlerCall {
  /** Runs the handler. What it throws, or its promise rejects with, failed all records that have no failure of their own. */
  run(): unknown
  /** Records that failed by themselves, with what failed them. */
  readonly failures: ReadonlyMap<KafkaRecord, unknown>
  /** It is settled: what is said of its records from now on comes too late. */
  close(): void
}

export interface AttemptsParts {
  readonly lane: LaneId
  readonly threadId: number
  readonly settings: Pick<WorkerSettings, 'retry' | 'onFailure'>
  readonly group: GroupMemory
  /** Of the claim. */
  readonly generation: number
  readonly memory: LaneMemory
  readonly unfinished: Unfinished
  readonly awaited: AwaitedResult
  readonly permission: Permission
  readonly origin: RecordOrigin
  readonly context: LaneContext
  readonly rule: LoadedHandler['retry']
  /** What failed the last attempt of the first record in hand, if another thread or process ran it. */
  readonly lastFailure: GroupError | null
  readonly listener: FateListener
  readonly call: (records: readonly LaneRecord[]) => HandlerCall
  /** The lane has been told to give up, and its handlers with it. */
  readonly isGivenUp: () => boolean
}

/**
 * The records in hand of a lane that are not on their first attempt alone: those that failed, those that are left from
 * another thread, and batches. It runs the first of them, or all of a batch, until none is in hand; nothing behind them is
 * taken before. A record that succeeds at once never comes here, unless it is of a batch.
 */
export class Attempts implements Awaiter {
  readonly #parts: AttemptsParts
  readonly #news: RecordNews
  readonly #judge: RetryJudge
  readonly #verdicts: Verdicts
  readonly #fate: Fate<RecordAttempts>
  readonly #retries = new RetryWaits<RecordAttempts>(waiting => this.#isDue(waiting))
  /** In the order of their offsets. */
  #inHand: RecordAttempts[] = []
  /** All in hand are run in one call, not only the first. */
  #isBatch = false
  /** So many of them are running. */
  #running = 0
  #call: HandlerCall | null = null
  /** Of the first record in hand, from the thread before. */
  #inheritedWait: RetryWait | null
  #lastFailure: GroupError | null

  constructor(parts: AttemptsParts) {
    const { memory, listener, settings, rule } = parts
    this.#parts = parts
    this.#inheritedWait = memory.retry
    this.#lastFailure = parts.lastFailure
    const news = (this.#news = new RecordNews(parts.lane, parts.threadId, listener))
    const troubled = (error: GroupError): void => listener.troubled(error)
    this.#judge = new RetryJudge({ settings: settings.retry, rule, troubled })
    this.#verdicts = new Verdicts(this.#judge, news)
    this.#fate = new Fate({
      ...{ news, listener, onFailure: settings.onFailure },
      finished: () => this.#finishFirst(),
      stopped: () => this.#forgive(),
    })
  }

  /** Nothing is in hand here. */
  get isIdle(): boolean {
    return this.#inHand.length === 0
  }

  /** Why nothing is run although something is in hand. */
  get waitsFor(): '' | 'retry' | 'dead-letter' {
    if (!this.#retries.isEmpty) return 'retry'
    return this.#fate.isStoring ? 'dead-letter' : ''
  }

  /** What runs; only while something of this does. */
  get running(): AttemptPlace {
    return this.#placeOf(this.#inHand.slice(0, this.#running), this.#inHand[0]!.attempts + 1)
  }

  /** The lane is being given up: what is in hand is left to whoever goes on with it. What runs is still waited for. */
  cancel(): void {
    this.#retries.cancel()
    this.#fate.cancel()
    if (this.#running === 0) this.#inHand = []
  }

  /** A record that is left from another thread, with the attempts that failed there. */
  meet(record: LaneRecord, offset: Offset, attempts: number): void {
    const failure = this.#lastFailure ?? usedUpBefore(this.#news.place(offset, attempts))
    this.#lastFailure = null // it is of the first one
    this.#isBatch = false
    this.#inHand.push({
      ...newInHand(record, offset, offset + 1),
      attempts,
      failure: () => failure,
      isUsedUp: attempts >= this.#parts.settings.retry.attempts,
      retry: this.#inheritedWait,
    })
    this.#inheritedWait = null
  }

  /** Fresh records, to be run in one call. `end`: behind the last one. */
  take(records: readonly LaneRecord[], end: Offset): void {
    this.#inHand = records.map((record, index) => {
      const offset = LaneRecord.offsetOf(record)
      return newInHand(record, offset, index === records.length - 1 ? end : offset + 1)
    })
    this.#isBatch = true
  }

  /** A fresh record whose first attempt has failed elsewhere. */
  failFresh(record: LaneRecord, thrown: unknown): TakeResult {
    const offset = LaneRecord.offsetOf(record)
    this.#inHand = [newInHand(record, offset, offset + 1)]
    this.#running = 1
    this.#call = null
    return this.#settle({ thrown })
  }

  /** Runs what is in hand until nothing is; null: nothing is. At least one call, unless something has to be waited for. */
  run(untilMs: number): TakeResult | null {
    for (let isFirst = true; this.#inHand.length > 0; isFirst = false) {
      const { group, generation, permission } = this.#parts
      const nowMs = monotonicMs()
      if (!group.mayStart(generation, permission.isAlone) || !group.leaseHolds(nowMs, wallMs())) return 'held'
      if (!isFirst && nowMs >= untilMs) return 'more'
      const result = this.#step(nowMs)
      if (result !== 'more') return result
    }
    return null
  }

  fulfilled(): void {
    this.#settle(null)
  }

  rejected(thrown: unknown): void {
    this.#settle({ thrown })
  }

  #step(nowMs: number): TakeResult {
    const result = this.#proceed(nowMs)
    if (result !== 'ready') return result
    const running = this.#isBatch ? this.#inHand : this.#inHand.slice(0, 1)
    const isPermitted = this.#parts.permission.covers(running[0]!.offset, running.at(-1)!.offset + 1)
    return isPermitted ? this.#run(running, nowMs) : 'waiting'
  }

  /** Brings the first in hand as far as it comes without being run. */
  #proceed(nowMs: number): TakeResult | 'ready' {
    for (let first = this.#inHand[0]; first !== undefined; first = this.#inHand[0]) {
      if (first.isUsedUp) {
        const disposal = this.#fate.dispose(first)
        if (disposal !== 'finished') return disposal
      } else if (first.retry !== null && first.retry.atMs > nowMs) {
        this.#parts.memory.setRetry(first.retry) // for whoever looks or goes on with the lane
        this.#retries.add(first, first.retry.atMs)
        return 'waiting'
      } else return 'ready'
    }
    return 'more'
  }

  #isDue(waiting: RecordAttempts): void {
    const { memory, listener } = this.#parts
    memory.setRetry(null)
    waiting.retry = null
    listener.waitChanged()
  }

  #run(running: readonly RecordAttempts[], nowMs: number): TakeResult {
    const { memory, origin, call, awaited } = this.#parts
    if (running[0]!.retry !== null) memory.setRetry(null)
    for (const one of running) {
      one.retry = null
      if (one.attempts > 0) one.record = LaneRecord.again(one.record, origin, one.attempts + 1)
    }
    // Both before any code of the user's. The floor: what is in hand is at it, also behind a gap in the log, and whoever
    // counts the attempt when the thread ends in it finds the record there. The end: a thread that ends in it must not look as if one record had been in hand.
    memory.advanceFloor(running[0]!.offset)
    if (running.length > 1) memory.setBatchEnd(running.at(-1)!.end)
    this.#running = running.length
    this.#call = call(running.map(({ record }) => record))
    try {
      const result = this.#call.run()
      if (result !== undefined && isThenable(result)) {
        awaited.start(result, nowMs, this)
        return 'awaiting'
      }
    } catch (thrown) {
      return this.#settle({ thrown })
    }
    return this.#settle(null)
  }

  /** A call is over; `whole` is what failed all of it. */
  #settle(whole: { readonly thrown: unknown } | null): TakeResult {
    LaneContext.renewSignal(this.#parts.context)
    const ran = this.#inHand.slice(0, this.#running)
    const failures = this.#call?.failures ?? NO_FAILURES
    this.#call?.close()
    this.#call = null
    this.#running = 0
    if (whole !== null && this.#parts.isGivenUp()) return this.#giveUp(ran, whole.thrown)
    const failed = ran.filter(({ record }) => whole !== null || failures.has(record))
    for (const one of failed) one.attempts += 1
    this.#inHand = [...failed, ...this.#inHand.slice(ran.length)]
    this.#write(ran, failed)
    // All that follows may run code of the user's, or tell others: by now the memory has what happened.
    if (whole !== null && failed.length > 1) this.#judgeWhole(failed, failures, whole.thrown)
    else this.#judgeEach(failed, failures, whole?.thrown)
    const result = this.#proceed(monotonicMs())
    return result === 'ready' ? 'more' : result
  }

  #write(ran: readonly RecordAttempts[], failed: readonly RecordAttempts[]): void {
    const { memory, unfinished } = this.#parts
    if (failed.length > 0) memory.setInHand('slice') // until all that follows from it is over
    unfinished.settle(
      failed.map(({ offset, attempts }) => ({ offset, attempts })),
      ran.at(-1)!.end,
    )
    memory.setHandled(memory.handled + ran.length - failed.length)
    if (failed.length > 0) memory.addFailed(failed.length)
    // Behind the floor: cleared first, a thread that ends in between would leave a batch that looks like one record.
    if (ran.length > 1) memory.setBatchEnd(0)
  }

  /** The handler was told to give up and did: no fault of the record, and whoever goes on with the lane runs it again. */
  #giveUp(ran: readonly RecordAttempts[], thrown: unknown): TakeResult {
    const { listener, memory } = this.#parts
    listener.troubled(attemptFailed(this.#placeOf(ran, ran[0]!.attempts + 1), thrown))
    if (ran.length > 1) memory.setBatchEnd(0)
    this.#inHand = []
    return 'more'
  }

  /**
   * A batch that failed as a whole is run again as a whole, except for the last time: then one by one, so that only those
   * that fail by themselves are given up. So it is, too, when no further attempt is wanted: of which record is not known.
   */
  #judgeWhole(
    failed: readonly RecordAttempts[],
    failures: ReadonlyMap<KafkaRecord, unknown>,
    thrown: unknown,
  ): void {
    const { retry } = this.#parts.settings
    const place = this.#placeOf(failed, failed[0]!.attempts)
    const verdict = this.#judge.judge(failed[0]!.record, place, thrown)
    const isUsedUp = place.attempt >= retry.attempts
    const wait = verdict === 'give-up' ? null : waitOf(verdict)
    this.#isBatch = verdict !== 'give-up' && place.attempt + 1 < retry.attempts
    for (const one of failed) {
      const why = failures.has(one.record) ? failures.get(one.record) : thrown
      const { offset, attempts } = one
      one.failure = () => attemptFailed(this.#news.place(offset, attempts), why)
      one.isUsedUp = isUsedUp
      one.retry = wait
    }
    if (!isUsedUp) this.#news.retry(place, attemptFailed(place, thrown), verdict === 'give-up' ? 0 : verdict)
  }

  #judgeEach(
    failed: readonly RecordAttempts[],
    failures: ReadonlyMap<KafkaRecord, unknown>,
    thrown: unknown,
  ): void {
    this.#isBatch = false
    for (const one of failed) {
      this.#verdicts.pass(one, failures.has(one.record) ? failures.get(one.record) : thrown)
    }
  }

  #finishFirst(): void {
    const { memory, unfinished } = this.#parts
    const first = this.#inHand.shift()!
    unfinished.settle([], first.end)
    memory.setHandled(memory.handled + 1)
  }

  /**
   * The partition stops here until somebody has done something about it; then the record has all its attempts again, and so
   * have those behind it that have none left: nobody would run them to see whether it helped.
   */
  #forgive(): void {
    const { unfinished, settings } = this.#parts
    const { offset } = this.#inHand[0]!
    unfinished.forgive(one => one.offset === offset || one.attempts >= settings.retry.attempts)
  }

  #placeOf(records: readonly RecordAttempts[], attempt: number): AttemptPlace {
    const [first] = records
    const place = this.#news.place(first!.offset, attempt)
    return records.length === 1 ? place : { ...place, lastOffset: records.at(-1)!.offset }
  }
}

const NO_FAILURES: ReadonlyMap<KafkaRecord, unknown> = new Map()

function newInHand(record: LaneRecord, offset: Offset, end: Offset): RecordAttempts {
  return { record, offset, end, attempts: 0, failure: neverFailed, isUsedUp: false, retry: null }
}
