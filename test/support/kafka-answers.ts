import type { FetchedPartition } from '#src/shared/kafka/fetch-response.js'
import type { ClusterMetadata } from '#src/shared/kafka/metadata.js'
import type { PartitionOffset } from '#src/shared/kafka/list-offsets.js'
import { WireWriter } from './wire-writer.ts'

/** Answers as a broker encodes them, for scripted brokers and decoder tests. */

export const API = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  saslHandshake: 17,
  apiVersions: 18,
  createTopics: 19,
  initProducerId: 22,
  saslAuthenticate: 36,
} as const

/** API key to [min, max]. */
export type SpokenVersions = Readonly<Record<number, readonly [number, number]>>

/** What Kafka 3.9 speaks, as far as it is asked. */
export const MODERN: SpokenVersions = {
  [API.produce]: [0, 11],
  [API.fetch]: [0, 17],
  [API.listOffsets]: [0, 9],
  [API.metadata]: [0, 12],
  [API.saslHandshake]: [0, 1],
  [API.apiVersions]: [0, 4],
  [API.createTopics]: [0, 7],
  [API.initProducerId]: [0, 5],
  [API.saslAuthenticate]: [0, 2],
}

export function apiVersionsAnswer(versions: SpokenVersions): Buffer {
  const writer = new WireWriter()
  writer.int16(0).array(Object.entries(versions), ([key, [min, max]]) => {
    writer.int16(Number(key)).int16(min).int16(max)
  })
  return writer.end()
}

export interface FetchAnswer {
  readonly throttleTimeMs?: number
  readonly errorCode?: number
  readonly partitions: readonly FetchedPartition[]
}

/** Each partition in a topic entry of its own, as the order of the request demands. */
export function fetchAnswer(answer: FetchAnswer, version: number): Buffer {
  const writer = new WireWriter().int32(answer.throttleTimeMs ?? 0)
  if (version >= 7) writer.int16(answer.errorCode ?? 0).int32(0)
  writer.array(answer.partitions, partition => {
    writer.string(partition.topic).array([partition], of => writePartition(writer, of, version))
  })
  return writer.end()
}

function writePartition(writer: WireWriter, of: FetchedPartition, version: number): void {
  writer.int32(of.partition).int16(of.errorCode).int64(of.highWatermark).int64(of.lastStableOffset)
  if (version >= 5) writer.int64(of.logStartOffset)
  writer.array(of.aborted, ({ producerId, firstOffset }) => writer.int64(producerId).int64(firstOffset))
  if (version >= 11) writer.int32(-1)
  writer.bytes(of.records)
}

/** Metadata 6, or from 10 on with topic ids. */
export function metadataAnswer(metadata: ClusterMetadata, version = 12): Buffer {
  return version < 10 ? classicMetadata(metadata) : flexibleMetadata(metadata, version)
}

function classicMetadata({ brokers, topics }: ClusterMetadata): Buffer {
  const writer = new WireWriter().int32(0)
  writer.array(brokers, ({ nodeId, host, port }) =>
    writer.int32(nodeId).string(host).int32(port).string(null),
  )
  writer.string('cluster').int32(-1)
  writer.array(topics, ({ topic, errorCode, partitions }) => {
    writer.int16(errorCode).string(topic).boolean(false)
    writer.array(partitions, of => {
      writer.int16(of.errorCode).int32(of.partition).int32(of.leader)
      for (const replicas of [[of.leader], [of.leader], []]) writer.array(replicas, id => writer.int32(id))
    })
  })
  return writer.end()
}

/** With a tagged field here and there, as a later broker may add. */
function flexibleMetadata({ brokers, topics }: ClusterMetadata, version: number): Buffer {
  const writer = new WireWriter().taggedFields().int32(0)
  writer.compactArray(brokers, ({ nodeId, host, port }) =>
    writer.int32(nodeId).compactString(host).int32(port).compactString(null).taggedFields(),
  )
  writer.compactString('cluster').int32(-1)
  writer.compactArray(topics, ({ topic, errorCode, topicId, partitions }) => {
    writer.int16(errorCode).compactString(topic).uuid(topicId).boolean(false)
    writer.compactArray(partitions, of => {
      writer.int16(of.errorCode).int32(of.partition).int32(of.leader).int32(0)
      for (const replicas of [[of.leader], [of.leader], []])
        writer.compactArray(replicas, id => writer.int32(id))
      writer.taggedFields(Buffer.from('later'))
    })
    writer.int32(-(2 ** 31)).taggedFields()
  })
  if (version === 10) writer.int32(-(2 ** 31))
  return writer.taggedFields().end()
}

/** How many topics a Metadata request of a flexible version asks for, up to 126. */
export function topicsAsked(body: Buffer): number {
  return body.readUInt8(1) - 1
}

/** ListOffsets 3. */
export function listOffsetsAnswer(offsets: readonly PartitionOffset[]): Buffer {
  const writer = new WireWriter().int32(0)
  writer.array(offsets, of => {
    writer.string(of.topic).array([of], ({ partition, errorCode, offset }) => {
      writer
        .int32(partition)
        .int16(errorCode)
        .int64(-1)
        .int64(offset ?? -1)
    })
  })
  return writer.end()
}
