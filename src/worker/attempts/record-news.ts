import { toWire } from '../../shared/error-wire.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { AttemptsUsedUp, LaneId, WorkerMessage } from '../../shared/protocol.ts'
import type { Offset } from '../../shared/types.ts'
import type { AttemptPlace } from '../lane-errors.ts'
import type { FailedRecord } from './failed-record.ts'

export type RecordFailed = Extract<WorkerMessage, { readonly type: 'record-failed' }>

export interface NewsListener {
  recordFailed(message: RecordFailed): void
  /** Before a dead letter is sent: the lane may leave the thread before it is stored. */
  usedUp(message: AttemptsUsedUp): void
}

/** What is told of the records of one lane that failed. */
export class RecordNews {
  readonly lane: LaneId
  readonly threadId: number
  readonly #listener: NewsListener

  constructor(lane: LaneId, threadId: number, listener: NewsListener) {
    this.lane = lane
    this.threadId = threadId
    this.#listener = listener
  }

  /** An attempt on a record of the lane. */
  place(offset: Offset, attempt: number): AttemptPlace {
    const { topic, partition } = this.lane
    return { topic, partition, offset, attempt, threadId: this.threadId }
  }

  retry({ offset, attempt }: AttemptPlace, error: GroupError, retryInMs: number): void {
    const what = { offset, attempt, outcome: 'retry', retryInMs, error: toWire(error) } as const
    this.#listener.recordFailed({ type: 'record-failed', lane: this.lane, ...what })
  }

  /** Before its lane moves on: a thread that ends in between tells it twice rather than never. */
  over({ offset, attempts, failure }: FailedRecord, outcome: 'skipped' | 'dead-lettered'): void {
    const what = { offset, attempt: attempts, outcome, retryInMs: null, error: toWire(failure()) } as const
    this.#listener.recordFailed({ type: 'record-failed', lane: this.lane, ...what })
  }

  usedUp({ offset, attempts, failure }: FailedRecord): void {
    const what = { offset, attempts, error: toWire(failure()) } as const
    this.#listener.usedUp({ type: 'attempts-used-up', lane: this.lane, ...what })
  }
}
