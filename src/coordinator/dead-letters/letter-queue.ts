import { deferred, type Deferred } from '../../shared/deferred.ts'
import { isGroupError } from '../../shared/errors.ts'
import { encodedSize, type OutgoingRecord } from '../../shared/kafka/record-batch.ts'
import type { PartitionProducer } from '../kafka/partition-producer.ts'

/** Below what a broker takes in one batch by default (1 MiB). A letter that is larger by itself goes alone. */
const MAX_BATCH_BYTES = 900_000
const MAX_BATCH_LETTERS = 500

type Waiting = Deferred<void> & { readonly record: OutgoingRecord }

/**
 * The letters for one partition of the dead-letter topic, in the order in which they came: one batch is on its way, and
 * what comes meanwhile goes with the next. Each sender waits for its letter, so there are no more than records in hand.
 */
export class LetterQueue {
  readonly #producer: Pick<PartitionProducer, 'send'>
  readonly #signal: AbortSignal
  #waiting: Waiting[] = []
  #isSending = false

  /** When `signal` aborts all that wait reject with its reason; the owner adds nothing then. */
  constructor(producer: Pick<PartitionProducer, 'send'>, signal: AbortSignal) {
    this.#producer = producer
    this.#signal = signal
  }

  /** Resolves when the letter is written; rejects as the producer does. */
  add(record: OutgoingRecord): Promise<void> {
    const written: Deferred<void> = deferred()
    this.#waiting.push({ ...written, record })
    if (!this.#isSending) void this.#sendAll()
    return written.promise
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true
    while (this.#waiting.length > 0) await this.#send(this.#takeBatch())
    this.#isSending = false // in the turn in which nothing waited: the next letter begins anew
  }

  #takeBatch(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { record } of this.#waiting.slice(0, MAX_BATCH_LETTERS)) {
      bytes += encodedSize(record)
      if (bytes > MAX_BATCH_BYTES && count > 0) break
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  /** Never rejects. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const records = batch.map(({ record }) => record)
      await this.#producer.send(records, this.#signal)
      for (const letter of batch) letter.resolve()
    } catch (error) {
      await this.#failed(batch, error)
    }
  }

  /** One letter that a broker does not take must not cost others their place, nor fail them. */
  async #failed(batch: readonly Waiting[], error: unknown): Promise<void> {
    const isRefusal = isGroupError(error, 'BROKER_REFUSED')
    if (isRefusal && batch.length > 1) {
      for (const letter of batch) await this.#send([letter])
      return
    }
    // A partition that could not be written for so long is not tried anew for each letter that waited meanwhile.
    const failed = isRefusal ? batch : [...batch, ...this.#waiting.splice(0)]
    for (const letter of failed) letter.reject(error)
  }
}
