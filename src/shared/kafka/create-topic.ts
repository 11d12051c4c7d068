import { Encoder, type KafkajsEncoder, type KafkajsExchange } from './kafkajs-internals.ts'
import { ResponseReader } from './response-reader.ts'

export interface CreateTopicAnswer {
  /** See error-codes.ts. */
  readonly errorCode: number
  /** What the broker has to say about it. */
  readonly message: string | null
}

const API = { apiKey: 19, apiName: 'CreateTopics' } as const
/** As the brokers are configured (KIP-464). */
const BROKER_DEFAULT = -1
const CLIENT_THROTTLES_FROM = 3
const MIN_TOPIC_BYTES = 6

/** Makes one topic as the brokers make them by default, versions 2 and 3. Only the controller does it. */
export function createTopicExchange(
  topic: string,
  timeoutMs: number,
  version: number,
): KafkajsExchange<CreateTopicAnswer & { clientSideThrottleTime: number }, CreateTopicAnswer> {
  return {
    request: {
      ...API,
      apiVersion: version,
      encode: async () =>
        new Encoder()
          .writeArray([topicByDefaults(topic)])
          .writeInt32(timeoutMs)
          .writeBoolean(false),
    },
    response: {
      async decode(payload) {
        const reader = new ResponseReader(payload, `the answer to CreateTopics ${version}`)
        const throttleTimeMs = reader.int32()
        reader.expect('topics', reader.arrayLength(MIN_TOPIC_BYTES), 1)
        reader.expect('topic', reader.string(), topic)
        const errorCode = reader.int16()
        const message = reader.nullableString()
        return {
          errorCode,
          message,
          clientSideThrottleTime: version >= CLIENT_THROTTLES_FROM ? throttleTimeMs : 0,
        }
      },
      parse: async ({ errorCode, message }) => ({ errorCode, message }),
    },
    requestTimeout: timeoutMs * 2,
    logResponseError: false,
  }
}

function topicByDefaults(topic: string): KafkajsEncoder {
  return new Encoder()
    .writeString(topic)
    .writeInt32(BROKER_DEFAULT)
    .writeInt16(BROKER_DEFAULT)
    .writeArray([]) // no replicas by hand
    .writeArray([]) // no settings
}
