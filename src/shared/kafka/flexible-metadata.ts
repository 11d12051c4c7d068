import type { BrokerAddress } from '../types.ts'
import { KNOWN_APIS } from './api-versions.ts'
import { Encoder, type KafkajsEncoder } from './kafkajs-internals.ts'
import type { MetadataAnswer, MetadataExchange, PartitionMetadata, TopicMetadata } from './metadata.ts'
import { inOrder } from './partitions-in-order.ts'
import { ResponseReader } from './response-reader.ts'

/** The first version of Metadata with topic ids (KIP-516). kafkajs ends before it, and before flexible versions (KIP-482). */
export const FLEXIBLE_METADATA = 10

/** Only this one asks what the client may do with the cluster, in a request that asks what it may do with topics, too. */
const ASKS_FOR_CLUSTER_OPERATIONS = 10

const NO_TAGGED_FIELDS = 0
const NO_TOPIC_ID = Buffer.alloc(16)

/** Smallest encodings, to tell an impossible array length before anything is allocated. */
const MIN_BROKER_BYTES = 11
const MIN_TOPIC_BYTES = 26
const MIN_PARTITION_BYTES = 18
const NODE_ID_BYTES = 4

/** Metadata 10 to 12 (https://kafka.apache.org/protocol#The_Messages_Metadata), with our encoding both ways. */
export function flexibleMetadataExchange(topics: readonly string[], version: number): MetadataExchange {
  const { key, name } = KNOWN_APIS.metadata
  return {
    request: {
      apiKey: key,
      apiName: name,
      apiVersion: version,
      encode: async () => encodeRequest(topics, version),
    },
    response: {
      decode: async payload => decodeMetadata(payload, version),
      parse: async ({ brokers, topics: found }) => ({ brokers, topics: found }),
    },
    logResponseError: false,
  }
}

/** kafkajs writes a header of version 1: the tagged fields at the end of version 2 come first in what follows it. */
function encodeRequest(topics: readonly string[], version: number): KafkajsEncoder {
  const encoder = new Encoder().writeInt8(NO_TAGGED_FIELDS).writeUVarInt(topics.length + 1)
  for (const topic of topics)
    encoder.writeBuffer(NO_TOPIC_ID).writeUVarIntString(topic).writeInt8(NO_TAGGED_FIELDS)
  encoder.writeBoolean(false) // creates no topic
  if (version === ASKS_FOR_CLUSTER_OPERATIONS) encoder.writeBoolean(false)
  return encoder.writeBoolean(false).writeInt8(NO_TAGGED_FIELDS)
}

/** Decodes what follows the correlation id, the rest of the header included. Damaged bytes throw RESPONSE_CORRUPT. */
export function decodeMetadata(payload: Buffer, version: number): MetadataAnswer {
  const reader = new ResponseReader(payload, `the answer to Metadata ${version}`)
  reader.skipTaggedFields() // the header's
  const clientSideThrottleTime = reader.int32()
  const brokers = list(reader, MIN_BROKER_BYTES, decodeBroker)
  reader.compactString() // cluster id
  reader.int32() // controller
  const topics = list(reader, MIN_TOPIC_BYTES, decodeTopic)
  return { clientSideThrottleTime, brokers, topics }
}

function decodeBroker(reader: ResponseReader): BrokerAddress {
  const nodeId = reader.int32()
  const host = reader.compactString() ?? ''
  const port = reader.int32()
  reader.compactString() // rack
  reader.skipTaggedFields()
  return { nodeId, host, port }
}

function decodeTopic(reader: ResponseReader): TopicMetadata {
  const errorCode = reader.int16()
  const topic = reader.compactString() ?? ''
  const topicId = reader.uuid()
  reader.boolean() // internal
  const partitions = list(reader, MIN_PARTITION_BYTES, decodePartition)
  reader.int32() // what the client may do
  reader.skipTaggedFields()
  return { topic, errorCode, topicId, partitions: inOrder(topic, partitions) }
}

function decodePartition(reader: ResponseReader): PartitionMetadata {
  const errorCode = reader.int16()
  const partition = reader.int32()
  const leader = reader.int32()
  reader.int32() // leader epoch
  for (let replicaLists = 3; replicaLists > 0; replicaLists -= 1)
    list(reader, NODE_ID_BYTES, () => reader.int32())
  reader.skipTaggedFields()
  return { partition, leader, errorCode }
}

function list<T>(reader: ResponseReader, elementBytes: number, decode: (reader: ResponseReader) => T): T[] {
  const elements: T[] = []
  for (let left = reader.compactArrayLength(elementBytes); left > 0; left -= 1) elements.push(decode(reader))
  return elements
}
