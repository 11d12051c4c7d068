import type { Offset, TopicPartition } from '../types.ts'
import { decodeFetchResponse, type FetchResponse } from './fetch-response.ts'
import { apis, type KafkajsExchange, type KafkajsFetchArgs } from './kafkajs-internals.ts'

/** Where to read one partition, and how much. */
export interface FetchPosition extends TopicPartition {
  readonly offset: Offset
  /** Bytes; at least one batch comes even if it is larger. */
  readonly maxBytes: number
}

export interface FetchRequest {
  /** How long the broker may wait for `minBytes`. */
  readonly maxWaitMs: number
  readonly minBytes: number
  /** For the whole answer; a first batch that is larger comes all the same. */
  readonly maxBytes: number
  /** Whether records of open and aborted transactions are left out; the aborted ones in between are named, not removed. */
  readonly readCommitted: boolean
  /** The broker fills the answer in this order, so the caller rotates it. */
  readonly partitions: readonly FetchPosition[]
}

/** From this version on the broker answers first and expects the client to pause (KIP-219). */
const CLIENT_THROTTLES_FROM = 8

/** No fetch session (KIP-227): every request names all its partitions. */
const NO_SESSION = { sessionId: 0, sessionEpoch: -1 }

/** A fetch with kafkajs's encoding of the request and our decoding of the answer. */
export function fetchExchange(
  request: FetchRequest,
  version: number,
  requestTimeoutMs: number,
): KafkajsExchange<FetchResponse & { clientSideThrottleTime: number }, FetchResponse> {
  const { request: encoded } = apis.Fetch.protocol({ version })(fetchArgs(request))
  return {
    request: encoded,
    response: {
      async decode(payload) {
        const response = decodeFetchResponse(payload, version)
        const clientSideThrottleTime = version >= CLIENT_THROTTLES_FROM ? response.throttleTimeMs : 0
        return { ...response, clientSideThrottleTime }
      },
      parse: async response => response,
    },
    requestTimeout: requestTimeoutMs + request.maxWaitMs,
    logResponseError: false,
  }
}

function fetchArgs(request: FetchRequest): KafkajsFetchArgs {
  return {
    ...NO_SESSION,
    isolationLevel: request.readCommitted ? 1 : 0,
    maxWaitTime: request.maxWaitMs,
    minBytes: request.minBytes,
    maxBytes: request.maxBytes,
    rackId: '',
    topics: inRuns(request.partitions),
  }
}

/** Neighbours of one topic share an entry; a topic that comes again gets a second one, which keeps the caller's order. */
function inRuns(positions: readonly FetchPosition[]): KafkajsFetchArgs['topics'] {
  type Run = { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }
  const runs: Run[] = []
  for (const { topic, partition, offset, maxBytes } of positions) {
    const last = runs.at(-1)
    const run = last?.topic === topic ? last : { topic, partitions: [] }
    if (run !== last) runs.push(run)
    run.partitions.push({ partition, fetchOffset: String(offset), maxBytes })
  }
  return runs
}
