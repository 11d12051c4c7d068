import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { atEnd, type Owner } from '../support/cleanup.ts'

export interface SteadyProducerOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly partitions: number
  /** Per partition. */
  readonly recordsPerSecond: number
  /** Beside that, so many at once in each partition. */
  readonly burst: { readonly records: number; readonly everyMs: number }
}

export interface Acknowledged {
  readonly partition: number
  readonly key: string
}

const INTERVAL_MS = 200
const LOOK_MS = 2
const RETRY = { initialRetryTime: 100, maxRetryTime: 500, retries: 8 }
const REQUEST_TIMEOUT_MS = 3_000

/**
 * Writes at an even pace with bursts in between, each record under a key of its own: `<partition>-<sequence>`. A broker that is away makes it
 * late, never stops it; a record that was sent and not acknowledged may be in the log once, twice or not at all.
 *
 * Each partition has a request of its own. kafkajs sends what a broker refused, or what it was asked when it died, again to
 * the new leader, unless that one has answered the same `send` for other partitions: then it is never sent, and
 * acknowledged all the same.
 */
export class SteadyProducer {
  readonly acknowledged: Acknowledged[] = []
  readonly #options: SteadyProducerOptions
  readonly #kafka: Kafka
  readonly #stopping = new AbortController()
  readonly #sent: number[]
  #producer: Promise<Producer> | null = null
  #failedSends = 0
  /** Bursts that were asked for. */
  #extraBursts = 0
  #rounds = 0
  #isSending = false
  #done: Promise<void> | null = null

  constructor(owner: Owner, options: SteadyProducerOptions) {
    this.#options = options
    this.#sent = new Array<number>(options.partitions).fill(0)
    this.#kafka = new Kafka({
      clientId: 'chaos-producer',
      brokers: [...options.brokers],
      logLevel: logLevel.NOTHING,
      requestTimeout: REQUEST_TIMEOUT_MS,
      enforceRequestTimeout: true,
      retry: RETRY,
    })
    atEnd(owner, () => this.stop())
  }

  get failedSends(): number {
    return this.#failedSends
  }

  start(): void {
    this.#done ??= this.#run()
  }

  /** One burst more, with what is due next. Resolves when it has been acknowledged or has failed. */
  async burst(): Promise<void> {
    this.#extraBursts += 1
    const sentWith = this.#rounds + (this.#isSending ? 2 : 1)
    while (this.#rounds < sentWith && !this.#stopping.signal.aborted) await sleep(LOOK_MS)
  }

  /** Resolves when nothing is on its way any more. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#done
    await this.#disconnect()
  }

  async #run(): Promise<void> {
    const startMs = performance.now()
    while (!this.#stopping.signal.aborted) {
      this.#isSending = true
      await this.#sendUpTo(this.#dueAfter(performance.now() - startMs))
      this.#isSending = false
      this.#rounds += 1
      await sleep(INTERVAL_MS)
    }
  }

  #dueAfter(ms: number): number {
    const { recordsPerSecond, burst } = this.#options
    const bursts = Math.floor(ms / burst.everyMs) + this.#extraBursts
    return Math.floor((ms / 1_000) * recordsPerSecond) + bursts * burst.records
  }

  async #sendUpTo(count: number): Promise<void> {
    const partitions = this.#sent.map((sent, partition) => {
      const keys = Array.from({ length: count - sent }, (_, n) => `${partition}-${sent + n}`)
      this.#sent[partition] = count
      return { partition, keys }
    })
    const due = partitions.filter(({ keys }) => keys.length > 0)
    const results = await Promise.allSettled(due.map(one => this.#send(one)))
    const failed = results.filter(({ status }) => status === 'rejected').length
    this.#failedSends += failed
    if (failed > 0) await this.#disconnect() // the next one asks for the leaders anew
  }

  async #send({ partition, keys }: { partition: number; keys: string[] }): Promise<void> {
    this.#producer ??= this.#connect()
    const messages = keys.map(key => ({ partition, key, value: 'v' }))
    await (await this.#producer).send({ topic: this.#options.topic, acks: -1, messages })
    this.acknowledged.push(...keys.map(key => ({ partition, key })))
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    return producer
  }

  async #disconnect(): Promise<void> {
    const producer = this.#producer
    this.#producer = null
    await producer?.then(one => one.disconnect()).catch(() => {}) // safe: it is not used any more, if it ever connected
  }
}
