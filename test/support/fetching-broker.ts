import type { FetchedPartition } from '#src/shared/kafka/fetch-response.js'
import type { FetchPosition } from '#src/shared/kafka/fetch-request.js'
import { ResponseReader } from '#src/shared/kafka/response-reader.js'
import type { Owner } from './cleanup.ts'
import { startFakeBroker, type FakeBroker, type FakeRequest } from './fake-broker.ts'
import { API, fetchAnswer } from './kafka-answers.ts'

/** Behind replica, wait, least and most bytes, isolation, session and its epoch. */
const TOPICS_AT = 25

/** One Fetch that a scripted broker got, until the script answers it. */
export class ReceivedFetch {
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly partitions: readonly FetchPosition[]
  /** Tells the connections of a client apart. */
  readonly connection: unknown
  readonly atMs = performance.now()
  readonly #request: FakeRequest
  isAnswered = false

  constructor(request: FakeRequest) {
    this.#request = request
    this.connection = request.socket
    this.maxWaitMs = request.body.readInt32BE(4)
    this.maxBytes = request.body.readInt32BE(12)
    const reader = new ResponseReader(request.body.subarray(TOPICS_AT), 'a fetch')
    this.partitions = readPositions(reader)
  }

  get asked(): number[] {
    return this.partitions.map(of => of.partition).sort((a, b) => a - b)
  }

  /** Answers at once: with these partitions, and nothing for the others. */
  answer(...given: Partial<FetchedPartition>[]): void {
    this.isAnswered = true
    const partitions = this.partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      ...NOTHING,
      ...given.find(of => of.partition === partition),
    }))
    this.#request.answer(fetchAnswer({ partitions }, this.#request.apiVersion))
  }
}

/** Where every partition ends. */
const FAR_AWAY = 2 ** 40

const NOTHING = {
  errorCode: 0,
  highWatermark: FAR_AWAY,
  lastStableOffset: FAR_AWAY,
  logStartOffset: 0,
  aborted: null,
  records: null,
}

function readPositions(reader: ResponseReader): FetchPosition[] {
  const found: FetchPosition[] = []
  for (let topics = reader.arrayLength(1); topics > 0; topics -= 1) {
    const topic = reader.string()
    for (let left = reader.arrayLength(1); left > 0; left -= 1) {
      const partition = reader.int32()
      reader.int32() // leader epoch
      const offset = reader.offset()
      reader.offset() // log start
      found.push({ topic, partition, offset, maxBytes: reader.int32() })
    }
  }
  return found
}

export interface FetchingBroker extends FakeBroker {
  readonly fetches: readonly ReceivedFetch[]
}

/** A broker that keeps every fetch for the test to answer, or lets `script` do it. */
export async function startFetchingBroker(
  owner: Owner,
  script: (fetch: ReceivedFetch) => void = () => {},
): Promise<FetchingBroker> {
  const fetches: ReceivedFetch[] = []
  const broker = await startFakeBroker(owner, {
    onRequest: request => {
      if (request.apiKey !== API.fetch) return
      const fetch = new ReceivedFetch(request)
      fetches.push(fetch)
      script(fetch)
    },
  })
  return Object.assign(broker, { fetches })
}
