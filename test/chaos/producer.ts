import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, Partitioners, type Message, type Producer } from 'kafkajs'
import { atEnd, type Owner } from '../support/cleanup.ts'

export interface SteadyProducerOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly partitions: number
  /** Per partition. */
  readonly recordsPerSecond: number
}

export interface Acknowledged {
  readonly partition: number
  readonly key: string
}

const INTERVAL_MS = 100
const RETRY = { initialRetryTime: 100, maxRetryTime: 500, retries: 8 }
const REQUEST_TIMEOUT_MS = 3_000

/**
 * Writes at an even pace, each record under a key of its own: `<partition>-<sequence>`. A broker that is away makes it
 * late, never stops it; a record that was sent and not acknowledged may be in the log once, twice or not at all.
 *
 * Not idempotent: kafkajs's idempotent producer acknowledged records that are in no log when a broker went away (48 of
 * 22 000 with seed 4), and a record that is in the log twice has two offsets, which is all that is judged.
 */
export class SteadyProducer {
  readonly acknowledged: Acknowledged[] = []
  readonly #options: SteadyProducerOptions
  readonly #kafka: Kafka
  readonly #stopping = new AbortController()
  readonly #sent: number[]
  #producer: Producer | null = null
  #failedSends = 0
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

  /** Resolves when nothing is on its way any more. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#done
    await this.#disconnect()
  }

  async #run(): Promise<void> {
    const startMs = performance.now()
    while (!this.#stopping.signal.aborted) {
      const due = Math.floor(((performance.now() - startMs) / 1000) * this.#options.recordsPerSecond)
      await this.#sendUpTo(due)
      await sleep(INTERVAL_MS)
    }
  }

  async #sendUpTo(due: number): Promise<void> {
    const messages: (Message & Acknowledged)[] = []
    for (let partition = 0; partition < this.#sent.length; partition += 1) {
      for (; this.#sent[partition]! < due; this.#sent[partition]! += 1)
        messages.push({ partition, key: `${partition}-${this.#sent[partition]!}`, value: 'v' })
    }
    if (messages.length > 0) await this.#send(messages)
  }

  async #send(messages: (Message & Acknowledged)[]): Promise<void> {
    try {
      const producer = (this.#producer ??= await this.#connect())
      await producer.send({ topic: this.#options.topic, acks: -1, messages })
      this.acknowledged.push(...messages.map(({ partition, key }) => ({ partition, key })))
    } catch {
      // Counted. The next one asks for the leaders anew.
      this.#failedSends += 1
      await this.#disconnect()
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    return producer
  }

  async #disconnect(): Promise<void> {
    const producer = this.#producer
    this.#producer = null
    await producer?.disconnect().catch(() => {}) // safe: it is not used any more
  }
}
