import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KafkaRecord } from '#src/handler.js'
import { deferred, type Deferred } from '#src/shared/deferred.js'

/** A handler whose promises settle when the test says so. */
export class Promised {
  readonly #running = new Map<number, Deferred<void>>()

  readonly handle = (record: KafkaRecord): Promise<void> => {
    const result: Deferred<void> = deferred()
    this.#running.set(Number(record.offset), result)
    return result.promise
  }

  get offsets(): number[] {
    return [...this.#running.keys()]
  }

  async settle(offset: number, error?: Error): Promise<void> {
    const result = this.#running.get(offset)!
    this.#running.delete(offset)
    if (error === undefined) result.resolve()
    else result.reject(error)
    await nextTurn()
    await nextTurn()
  }
}
