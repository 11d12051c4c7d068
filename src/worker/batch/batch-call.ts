import type { BatchHandlerModule, DecodeOption, HandlerContext, KafkaRecord } from '../../handler.ts'
import type { HandlerCall } from '../attempts/attempts.ts'
import type { LaneRecord } from '../record.ts'
import { CallContext } from './batch-context.ts'

export interface BatchCallParts {
  readonly handleBatch: BatchHandlerModule['handleBatch']
  readonly decode: DecodeOption
  /** Of the lane. */
  readonly context: HandlerContext
}

/** One call of `handleBatch`. Records whose value cannot be decoded have failed before it and are left out of it. */
export class BatchCall implements HandlerCall {
  readonly failures = new Map<KafkaRecord, unknown>()
  readonly #parts: BatchCallParts
  readonly #records: readonly LaneRecord[]
  #context: CallContext | null = null

  constructor(parts: BatchCallParts, records: readonly LaneRecord[]) {
    this.#parts = parts
    this.#records = records
  }

  run(): unknown {
    const { handleBatch, decode, context } = this.#parts
    // A value that is its bytes always decodes.
    const given = decode === 'buffer' ? this.#records : this.#records.filter(record => this.#decodes(record))
    if (given.length === 0) return undefined
    this.#context = new CallContext(context, given, this.failures)
    return handleBatch(given, this.#context)
  }

  close(): void {
    if (this.#context !== null) CallContext.close(this.#context)
  }

  #decodes(record: LaneRecord): boolean {
    try {
      Reflect.get(record, 'value') // it remembers what it read
      return true
    } catch (thrown) {
      this.failures.set(record, thrown)
      return false
    }
  }
}
