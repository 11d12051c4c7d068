import { setTimeout as delay } from 'node:timers/promises'
import { atEnd, type Owner } from './cleanup.ts'
import { openProducer } from './kafka.ts'

export interface SteadyLoadOptions {
  readonly partitions: number
  /** In each partition. */
  readonly recordsPerSecond: number
}

/** Groups of partitions that get their records together: so many requests are sent per round. */
const GROUPS = 1

/** Records that come evenly into every partition of a topic until it is stopped, or the test ends. */
export class SteadyLoad {
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>
  #produced = 0

  static async start(owner: Owner, topic: string, options: SteadyLoadOptions): Promise<SteadyLoad> {
    const producer = await openProducer(owner)
    const send = (partitions: readonly number[]): Promise<unknown> =>
      producer.send({ topic, acks: 1, messages: partitions.map(partition => ({ partition, value: 'v' })) })
    const load = new SteadyLoad(send, options)
    atEnd(owner, () => load.stop())
    return load
  }

  private constructor(
    send: (partitions: readonly number[]) => Promise<unknown>,
    { partitions, recordsPerSecond }: SteadyLoadOptions,
  ) {
    const all = [...Array(partitions).keys()]
    const groups = Array.from({ length: GROUPS }, (_, group) => all.filter(one => one % GROUPS === group))
    this.#ended = this.#run(send, groups, 1000 / recordsPerSecond / GROUPS)
    this.#ended.catch(() => {}) // `stop` hands it on
  }

  /** Resolves with the number of records, all of which the leaders have. Idempotent. */
  async stop(): Promise<number> {
    this.#stop.abort()
    await this.#ended
    return this.#produced
  }

  async #run(
    send: (partitions: readonly number[]) => Promise<unknown>,
    groups: readonly (readonly number[])[],
    intervalMs: number,
  ): Promise<void> {
    const sent: Promise<unknown>[] = []
    const startMs = performance.now()
    for (let round = 0; !this.#stop.signal.aborted; round += 1) {
      const partitions = groups[round % groups.length]!
      sent.push(send(partitions))
      this.#produced += partitions.length
      await delay(Math.max(0, startMs + (round + 1) * intervalMs - performance.now()))
    }
    await Promise.all(sent)
  }
}
