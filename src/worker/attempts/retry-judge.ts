import type { KafkaRecord } from '../../handler.ts'
import { fieldOf, GroupError, isGroupError, isInstance, messageOf } from '../../shared/errors.ts'
import type { RetrySettings } from '../../shared/protocol.ts'
import type { LoadedHandler } from '../handler/handler-exports.ts'
import { nameOfPlace, type AttemptPlace } from '../lane-errors.ts'
import { retryDelayMs } from '../../shared/retry-delay.ts'

export interface RetryJudgeParts {
  readonly settings: RetrySettings
  /** The module's own, which must not be believed. */
  readonly rule: LoadedHandler['retry']
  readonly troubled: (error: GroupError) => void
  readonly random?: () => number
}

/** A timer of Node cannot wait for longer; it would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** Says whether a record is run again whose attempt failed, and after how long. */
export class RetryJudge {
  readonly #parts: RetryJudgeParts

  constructor(parts: RetryJudgeParts) {
    this.#parts = parts
  }

  /** Whole milliseconds. Runs code of the user's. Never throws. */
  judge(record: KafkaRecord, place: AttemptPlace, thrown: unknown): number | 'give-up' {
    const { settings, rule, random } = this.#parts
    if (place.attempt >= settings.attempts || isUnrecoverable(thrown)) return 'give-up'
    const answer = rule === undefined ? undefined : this.#ask(rule, record, place, thrown)
    return answer ?? retryDelayMs(settings, place.attempt, random)
  }

  /** Undefined if the answer is of no use, which is reported. */
  #ask(
    rule: NonNullable<LoadedHandler['retry']>,
    record: KafkaRecord,
    place: AttemptPlace,
    thrown: unknown,
  ): number | 'give-up' | undefined {
    try {
      const answer: unknown = rule(place.attempt, thrown, record)
      if (answer === 'give-up') return answer
      if (isDelay(answer)) return Math.ceil(answer)
      ignoreRejection(answer)
      this.#complain(place, `answered ${describe(answer)}`, undefined)
    } catch (error) {
      this.#complain(place, `threw: ${messageOf(error)}`, error)
    }
    return undefined
  }

  #complain(place: AttemptPlace, what: string, cause: unknown): void {
    const expected = `it must return milliseconds (0 to ${MAX_DELAY_MS}) or 'give-up'`
    this.#parts.troubled(
      new GroupError(
        'RETRY_RULE_FAILED',
        `'retry' of the handler module, asked about ${nameOfPlace(place)}, ${what}; ${expected}; the backoff of the options holds`,
        { details: { ...place }, cause },
      ),
    )
  }
}

/** By its name: it may be of another copy of this package. A decoder's stands behind our own error. */
export function isUnrecoverable(thrown: unknown): boolean {
  if (isNamedUnrecoverable(thrown)) return true
  return isGroupError(thrown, 'DECODE_FAILED') && isNamedUnrecoverable(fieldOf(thrown, 'cause'))
}

function isNamedUnrecoverable(thrown: unknown): boolean {
  return fieldOf(thrown as object, 'name') === 'UnrecoverableError'
}

function isDelay(answer: unknown): answer is number {
  return typeof answer === 'number' && answer >= 0 && answer <= MAX_DELAY_MS
}

/** An async rule is of no use, and what it rejects with would end the thread. */
function ignoreRejection(answer: unknown): void {
  void Promise.prototype.then.call(Promise.resolve(answer), undefined, () => {}) // its answer is refused either way
}

function describe(answer: unknown): string {
  if (typeof answer === 'string') return `'${answer}'`
  if (typeof answer === 'number') return String(answer)
  if (answer === undefined || answer === null) return String(answer)
  return isInstance(answer, Promise) ? 'a promise' : `a ${typeof answer}`
}
