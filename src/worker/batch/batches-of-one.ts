import type { BatchHandlerModule, DecodeOption, HandlerContext } from '../../handler.ts'
import { isThenable } from '../attempts/awaited-result.ts'
import type { LaneRecord } from '../record.ts'
import { BatchCall } from './batch-call.ts'

export type RecordHandler = (record: LaneRecord, context: HandlerContext) => unknown

/** `handleBatch` where records are run one by one: an order that has no batches may have been begun before there were any. */
export function inBatchesOfOne(
  handler: BatchHandlerModule & { readonly decode: DecodeOption },
): RecordHandler {
  const { handleBatch, decode } = handler
  return (record, context) => {
    const call = new BatchCall({ handleBatch, decode, context }, [record])
    const failed = (thrown: unknown): never => {
      call.close()
      throw call.failures.has(record) ? call.failures.get(record) : thrown
    }
    const done = (): void => {
      call.close()
      if (call.failures.has(record)) throw call.failures.get(record)
    }
    try {
      const result = call.run()
      // By the language's own `then`: see AwaitedResult.
      if (result !== undefined && isThenable(result))
        return Promise.prototype.then.call(Promise.resolve(result), done, failed)
    } catch (thrown) {
      failed(thrown)
    }
    done()
    return undefined
  }
}
