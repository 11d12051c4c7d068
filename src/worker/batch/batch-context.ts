import type { BatchContext, HandlerContext, KafkaRecord } from '../../handler.ts'
import type { Logger } from '../../shared/logger.ts'

/** What `handleBatch` gets: the lane's context, and what it says of single records. One per call. */
export class CallContext implements BatchContext {
  readonly groupId: string
  readonly memberId: string
  readonly threadId: number
  readonly logger: Logger
  readonly epoch: bigint
  readonly #lane: HandlerContext
  readonly #records: ReadonlySet<KafkaRecord>
  readonly #failures: Map<KafkaRecord, unknown>
  #isOver = false

  /** `failures` gets what is said. */
  constructor(lane: HandlerContext, records: readonly KafkaRecord[], failures: Map<KafkaRecord, unknown>) {
    this.groupId = lane.groupId
    this.memberId = lane.memberId
    this.threadId = lane.threadId
    this.logger = lane.logger
    this.epoch = lane.epoch
    this.#lane = lane
    this.#records = new Set(records)
    this.#failures = failures
  }

  get signal(): AbortSignal {
    return this.#lane.signal
  }

  get state(): unknown {
    return this.#lane.state
  }

  set state(state: unknown) {
    this.#lane.state = state
  }

  fail(record: KafkaRecord, error: unknown): void {
    if (!this.#records.has(record))
      throw new TypeError('context.fail: this record is not one of the batch that was given to handleBatch')
    if (this.#isOver)
      throw new Error(
        'context.fail: the batch is over; say so before handleBatch returns or its promise settles',
      )
    if (!this.#failures.has(record)) this.#failures.set(record, error)
  }

  /** The caller of the handler alone calls this. */
  static close(context: CallContext): void {
    context.#isOver = true
  }
}
