import type { Offset, TopicPartition } from '../types.ts'
import { Encoder, type KafkajsEncoder, type KafkajsExchange } from './kafkajs-internals.ts'
import { ResponseReader } from './response-reader.ts'

export interface ProduceRequest {
  readonly to: TopicPartition
  /** One record batch. */
  readonly batch: Buffer
  /** How long the leader may wait for the replicas in sync. */
  readonly timeoutMs: number
}

export interface ProduceAnswer {
  /** See error-codes.ts. */
  readonly errorCode: number
  /** Where the first record was written; -1 if nothing was. */
  readonly baseOffset: Offset
}

type Answer = ProduceAnswer & { readonly clientSideThrottleTime: number }

const API = { apiKey: 0, apiName: 'Produce' } as const
const NO_TRANSACTION = null
/** Every replica in sync. */
const ALL_REPLICAS = -1

/** From this version on the broker answers first and expects the client to pause (KIP-219). */
const CLIENT_THROTTLES_FROM = 6
const LOG_START_FROM = 5
const MIN_TOPIC_BYTES = 6
const MIN_PARTITION_BYTES = 22

/**
 * Writes one batch to one partition, versions 3 to 7. One partition only: then the answer says of every record that was
 * sent whether it is written, and there is nothing to sort out.
 */
export function produceExchange(
  request: ProduceRequest,
  version: number,
): KafkajsExchange<Answer, ProduceAnswer> {
  const { to, batch, timeoutMs } = request
  return {
    request: {
      ...API,
      apiVersion: version,
      encode: async () =>
        new Encoder()
          .writeString(NO_TRANSACTION)
          .writeInt16(ALL_REPLICAS)
          .writeInt32(timeoutMs)
          .writeArray([new Encoder().writeString(to.topic).writeArray([partitionData(to.partition, batch)])]),
    },
    response: {
      decode: async payload => decodeProduceResponse(payload, version, to),
      parse: async ({ errorCode, baseOffset }) => ({ errorCode, baseOffset }),
    },
    logResponseError: false,
  }
}

function partitionData(partition: number, batch: Buffer): KafkajsEncoder {
  return new Encoder().writeInt32(partition).writeInt32(batch.length).writeBuffer(batch)
}

/** An answer about anything else than this one partition is none: RESPONSE_CORRUPT. */
function decodeProduceResponse(payload: Buffer, version: number, to: TopicPartition): Answer {
  const reader = new ResponseReader(payload, `the answer to Produce ${version}`)
  reader.expect('topics', reader.arrayLength(MIN_TOPIC_BYTES), 1)
  reader.expect('topic', reader.string(), to.topic)
  reader.expect('partitions', reader.arrayLength(MIN_PARTITION_BYTES), 1)
  reader.expect('partition', reader.int32(), to.partition)
  const errorCode = reader.int16()
  const baseOffset = reader.offset()
  reader.bigInt64() // log append time
  if (version >= LOG_START_FROM) reader.bigInt64()
  const throttleTimeMs = reader.int32()
  return {
    errorCode,
    baseOffset,
    clientSideThrottleTime: version >= CLIENT_THROTTLES_FROM ? throttleTimeMs : 0,
  }
}
