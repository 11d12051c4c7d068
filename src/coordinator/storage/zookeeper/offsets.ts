import type { TopicPartition } from '../../../shared/types.ts'
import { encodeProgress } from '../../progress/progress-format.ts'
import { progressAt } from '../../progress/progress.ts'
import type { StartOffset, StoredOffset } from '../group-storage.ts'
import { refused } from './answers.ts'
import type { ZooKeeperClient } from './client.ts'
import { decodeOffset, encodeOffset } from './formats.ts'
import { ensureNodes } from './own-nodes.ts'
import { partitionOf, withAncestors, type GroupPaths } from './paths.ts'
import { ANY_VERSION, type Op } from './znode.ts'

/** Partitions per transaction, with two steps each: below the size cap with the longest names Kafka allows. */
const PINS_PER_TRANSACTION = 500

/** Somebody else may pin or commit at the same moment; each round begins with what is stored then. */
const ROUNDS = 5

/** What a transaction fails with where it was not as it had been read. */
const CHANGED = ['BAD_VERSION', 'NO_NODE', 'NODE_EXISTS']

interface OffsetNode extends TopicPartition {
  readonly path: string
  /** Null if there is no node. */
  readonly version: number | null
  /** Null if there is no node, or it says that there is no offset. */
  readonly offset: number | null
}

/** Offsets stored for the topics, ordered by topic as given and partition. OFFSET_CORRUPT names the first bad node. */
export async function readOffsets(
  client: ZooKeeperClient,
  paths: GroupPaths,
  topics: readonly string[],
): Promise<StoredOffset[]> {
  const stored = await Promise.all(topics.map(topic => readTopicOffsets(client, paths, topic)))
  return stored.flat()
}

async function readTopicOffsets(
  client: ZooKeeperClient,
  paths: GroupPaths,
  topic: string,
): Promise<StoredOffset[]> {
  const names = (await client.getChildren(paths.topicOffsets(topic))) ?? []
  const partitions = names.map(partitionOf).filter(partition => partition !== null)
  const sorted = partitions.sort((a, b) => a - b)
  return readOffsetsOf(
    client,
    paths,
    sorted.map(partition => ({ topic, partition })),
  )
}

/** Offsets stored for these partitions, in their order. OFFSET_CORRUPT names the first bad node. */
export async function readOffsetsOf(
  client: ZooKeeperClient,
  paths: GroupPaths,
  partitions: readonly TopicPartition[],
): Promise<StoredOffset[]> {
  const nodes = await Promise.all(partitions.map(of => readNode(client, paths, of)))
  return nodes.flatMap(({ topic, partition, offset }) =>
    offset === null ? [] : [{ topic, partition, offset }],
  )
}

/**
 * Stores positions, with progress beside them, where none is stored, by topic and then partition number: Burrow sees only partitions whose
 * nodes were made in order. All of a group's fit into one transaction, so that all or none are pinned.
 */
export async function pinStartOffsets(
  client: ZooKeeperClient,
  paths: GroupPaths,
  starts: readonly StartOffset[],
): Promise<void> {
  const topics = [...new Set(starts.map(start => start.topic))]
  const parents = topics.flatMap(topic => [paths.topicOffsets(topic), paths.topicProgress(topic)])
  await ensureNodes(client, [...new Set(parents.flatMap(withAncestors))])
  const ordered = [...starts].sort(
    (a, b) => topics.indexOf(a.topic) - topics.indexOf(b.topic) || a.partition - b.partition,
  )
  for (let from = 0; from < ordered.length; from += PINS_PER_TRANSACTION)
    await pinTogether(client, paths, ordered.slice(from, from + PINS_PER_TRANSACTION))
}

async function pinTogether(
  client: ZooKeeperClient,
  paths: GroupPaths,
  starts: readonly StartOffset[],
): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const steps = await Promise.all(starts.map(start => pinSteps(client, paths, start)))
    const ops = steps.flat()
    if (ops.length === 0) return
    const result = await client.multi(ops)
    if (result.committed) return
    const { type, path } = ops[result.failedAt]!
    if (!CHANGED.includes(result.answer)) throw refused({ operation: type, path }, result.answer)
  }
  throw refused({ operation: 'pin offsets below', path: paths.offsets }, 'changes by others, again and again')
}

/** The version makes sure that nothing stored in the meantime is overwritten; progress that is left there counts for nothing. */
async function pinSteps(client: ZooKeeperClient, paths: GroupPaths, start: StartOffset): Promise<Op[]> {
  const [node, hasProgress] = await Promise.all([
    readNode(client, paths, start),
    client.exists(paths.progress(start)),
  ])
  if (node.offset !== null) return []
  const data = encodeProgress(progressAt(start.offset, start.topicId))
  return [
    setOrCreate(node.path, encodeOffset(start.offset), node.version),
    setOrCreate(paths.progress(start), data, hasProgress ? ANY_VERSION : null),
  ]
}

function setOrCreate(path: string, data: Buffer, version: number | null): Op {
  return version === null
    ? { type: 'create', path, data, ephemeral: false }
    : { type: 'set', path, data, version }
}

async function readNode(client: ZooKeeperClient, paths: GroupPaths, of: TopicPartition): Promise<OffsetNode> {
  const path = paths.offset(of)
  const node = await client.getData(path)
  const { topic, partition } = of
  if (node === null) return { topic, partition, path, version: null, offset: null }
  return { topic, partition, path, version: node.stat.version, offset: decodeOffset(node.data, path) }
}
