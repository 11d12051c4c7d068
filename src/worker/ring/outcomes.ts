import { monotonicMs } from '../../shared/clock.ts'
import type { ErrorWire } from '../../shared/error-wire.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { WorkerSettings } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import { Fate, type FateListener } from '../attempts/fate.ts'
import type { RecordNews } from '../attempts/record-news.ts'
import { RetryJudge } from '../attempts/retry-judge.ts'
import { Verdicts } from '../attempts/verdicts.ts'
import type { LoadedHandler } from '../handler/handler-exports.ts'
import { attemptFailed, lastFailure, usedUpBefore } from '../lane-errors.ts'
import { LaneRecord, type RecordOrigin } from '../record.ts'
import type { Hand } from './hand.ts'
import type { InHand } from './in-hand.ts'
import type { SeatRing } from './open-seat.ts'

export interface OutcomesParts {
  readonly news: RecordNews
  readonly settings: Pick<WorkerSettings, 'retry' | 'onFailure'>
  readonly rule: LoadedHandler['retry']
  readonly memory: SeatRing['memory']
  readonly inHand: InHand
  readonly origin: RecordOrigin
  /** What failed the last attempts of records that others ran. */
  readonly lastFailures: readonly { readonly offset: Offset; readonly error: ErrorWire }[]
  /** The seat has been told to give up, and its handlers with it. */
  readonly isGivenUp: () => boolean
  readonly listener: FateListener
}

/** What becomes of the records in hand of a seat whose attempt is over. */
export class Outcomes {
  readonly #parts: OutcomesParts
  readonly #verdicts: Verdicts
  readonly #fate: Fate<Hand>
  readonly #lastFailures: Map<Offset, ErrorWire>
  #isCancelled = false

  constructor(parts: OutcomesParts) {
    const { news, listener, settings, rule, lastFailures, inHand } = parts
    this.#parts = parts
    this.#lastFailures = new Map(lastFailures.map(({ offset, error }) => [offset, error]))
    const troubled = (error: GroupError): void => listener.troubled(error)
    this.#verdicts = new Verdicts(new RetryJudge({ settings: settings.retry, rule, troubled }), news)
    this.#fate = new Fate({
      ...{ news, listener, onFailure: settings.onFailure },
      finished: hand => inHand.finish(hand),
      stopped: hand => this.#stop(hand),
    })
  }

  get isStoring(): boolean {
    return this.#fate.isStoring
  }

  /** A record came with attempts that failed elsewhere. */
  meet(hand: Hand): void {
    const { offset, attempts } = hand
    const known = this.#lastFailures.get(offset)
    this.#lastFailures.delete(offset) // of that attempt: what fails the next one is known here
    hand.isUsedUp = attempts >= this.#parts.settings.retry.attempts
    hand.failure = () =>
      known === undefined ? usedUpBefore(this.#parts.news.place(offset, attempts)) : lastFailure(known)
  }

  /** Runs code of the user's. */
  failed(hand: Hand, thrown: unknown): void {
    const { inHand, isGivenUp } = this.#parts
    inHand.hold(hand)
    if (isGivenUp()) this.#giveUp(hand, thrown)
    else this.#count(hand, thrown)
  }

  /** The attempts of the record are used up. */
  dispose(hand: Hand): void {
    const { inHand, memory, settings, origin } = this.#parts
    inHand.hold(hand)
    if (settings.onFailure === 'dead-letter') {
      hand.record = new LaneRecord(origin, memory.read(hand), hand.attempts) // as it came, whatever was done to it
      inHand.set(hand, 'dead-letter', monotonicMs())
    }
    this.#fate.dispose(hand)
  }

  /** The seat is being given up: no dead letter is waited for. Idempotent. */
  cancel(): void {
    this.#isCancelled = true
    this.#fate.cancel()
  }

  #count(hand: Hand, thrown: unknown): void {
    const { inHand, memory } = this.#parts
    if (hand.state !== 'slice') inHand.set(hand, 'slice', monotonicMs()) // until all that follows from it is over
    hand.attempts += 1
    memory.setAttempts(hand.slot, hand.attempts)
    memory.failed()
    // All that follows may run code of the user's, or tell others: by now the memory has what happened.
    this.#verdicts.pass(hand, thrown)
    const { retry } = hand
    if (hand.isUsedUp) this.dispose(hand)
    else if (retry !== null && retry.atMs > monotonicMs()) inHand.waitForRetry(hand, retry)
    else inHand.putBack(hand)
  }

  /** The handler was told to give up and did: no fault of the record, and whoever goes on with the seat runs it again. */
  #giveUp(hand: Hand, thrown: unknown): void {
    const { inHand, listener, news } = this.#parts
    listener.troubled(attemptFailed(news.place(hand.offset, hand.attempts + 1), thrown))
    inHand.set(hand, 'ready')
  }

  /**
   * The partition stops here until somebody has done something about it; then the record has all its attempts again, and so
   * have others in hand that have none left: nobody would run them to see whether it helped.
   */
  #stop(stopped: Hand): void {
    const { inHand, memory, settings } = this.#parts
    for (const hand of inHand.all) {
      if (hand !== stopped && hand.attempts < settings.retry.attempts) continue
      hand.attempts = 0
      memory.setAttempts(hand.slot, 0)
    }
    // On its way elsewhere nothing stops: whoever goes on with it meets the same record.
    inHand.set(stopped, this.#isCancelled ? 'ready' : 'stopped', monotonicMs())
  }
}
