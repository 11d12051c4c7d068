import { Encoder, type KafkajsExchange } from './kafkajs-internals.ts'
import { ResponseReader } from './response-reader.ts'

/** What an idempotent producer calls itself (KIP-98). */
export interface ProducerIdAnswer {
  /** See error-codes.ts; the other fields hold nothing useful unless it is 0. */
  readonly errorCode: number
  readonly producerId: bigint
  readonly producerEpoch: number
}

const API = { apiKey: 22, apiName: 'InitProducerId' } as const
const NO_TRANSACTION = null
/** Of transactions: there are none. */
const TIMEOUT_MS = 60_000

/** Asks any broker for the id of a new producer, versions 0 and 1. */
export function initProducerIdExchange(
  version: number,
): KafkajsExchange<ProducerIdAnswer & { clientSideThrottleTime: number }, ProducerIdAnswer> {
  return {
    request: {
      ...API,
      apiVersion: version,
      encode: async () => new Encoder().writeString(NO_TRANSACTION).writeInt32(TIMEOUT_MS),
    },
    response: {
      async decode(payload) {
        const reader = new ResponseReader(payload, `the answer to InitProducerId ${version}`)
        const throttleTimeMs = reader.int32()
        return {
          errorCode: reader.int16(),
          producerId: reader.bigInt64(),
          producerEpoch: reader.int16(),
          clientSideThrottleTime: version >= 1 ? throttleTimeMs : 0,
        }
      },
      parse: async ({ errorCode, producerId, producerEpoch }) => ({ errorCode, producerId, producerEpoch }),
    },
    logResponseError: false,
  }
}
