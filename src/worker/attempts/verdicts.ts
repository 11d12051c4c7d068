import { monotonicMs } from '../../shared/clock.ts'
import { attemptFailed } from '../lane-errors.ts'
import type { RecordAttempts, RetryWait } from './failed-record.ts'
import type { RecordNews } from './record-news.ts'
import type { RetryJudge } from './retry-judge.ts'

/** Decides what becomes of records that failed by themselves, and tells it. */
export class Verdicts {
  readonly #judge: RetryJudge
  readonly #news: RecordNews

  constructor(judge: RetryJudge, news: RecordNews) {
    this.#judge = judge
    this.#news = news
  }

  /** The last attempt of `one`, which its `attempts` count, failed by `why`. Runs code of the user's. */
  pass(one: Omit<RecordAttempts, 'end'>, why: unknown): void {
    const place = this.#news.place(one.offset, one.attempts)
    const error = attemptFailed(place, why)
    one.failure = () => error
    const verdict = this.#judge.judge(one.record, place, why)
    one.isUsedUp = verdict === 'give-up'
    one.retry = verdict === 'give-up' ? null : waitOf(verdict)
    if (verdict !== 'give-up') this.#news.retry(place, error, verdict)
  }
}

export function waitOf(delayMs: number): RetryWait {
  const sinceMs = monotonicMs()
  return { sinceMs, atMs: sinceMs + delayMs }
}
