import { setTimeout as delay } from 'node:timers/promises'
import { atEnd, type Owner } from './cleanup.ts'
import { openProducer } from './kafka.ts'

export interface SteadyLoadOptions {
  readonly partitions: number
  /** In each partition. */
  readonly recordsPerSecond: number
}

/** Records that come evenly into every partition of a topic until it is stopped, or the test ends. */
export class SteadyLoad {
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #produced = 0

  static async start(owner: Owner, topic: string, options: SteadyLoadOptions): Promise<SteadyLoad> {
    const producer = await openProducer(owner)
    const messages = [...Array(options.partitions).keys()].map(partition => ({ partition, value: 'v' }))
    const send = (): Promise<unknown> => producer.send({ topic, acks: 1, messages })
    const load = new SteadyLoad(send, options)
    atEnd(owner, () => load.stop())
    return load
  }

  private constructor(send: () => Promise<unknown>, { partitions, recordsPerSecond }: SteadyLoadOptions) {
    this.#ended = this.#run(send, partitions, 1000 / recordsPerSecond)
    this.#ended.catch(() => {}) // `stop` hands it on
  }

  /** Resolves with the number of records, all of which the leaders have. Idempotent. */
  async stop(): Promise<number> {
    this.#stop.abort()
    await this.#ended
    return this.#produced
  }

  /** In each round every partition gets a record. */
  async #run(send: () => Promise<unknown>, partitions: number, intervalMs: number): Promise<void> {
    const sent: Promise<unknown>[] = []
    const startMs = performance.now()
    for (let round = 0; !this.#stop.signal.aborted; round += 1) {
      sent.push(send())
      this.#produced += partitions
      await delay(Math.max(0, startMs + (round + 1) * intervalMs - performance.now()))
    }
    await Promise.all(sent)
  }
}
