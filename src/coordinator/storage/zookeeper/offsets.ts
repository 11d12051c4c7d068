import { isGroupError } from '../../../shared/errors.ts'
import type { TopicPartition } from '../../../shared/types.ts'
import { encodeProgress } from '../../progress/progress-format.ts'
import { progressAt } from '../../progress/progress.ts'
import type { StartOffset, StoredOffset } from '../group-storage.ts'
import { changedStep, refused } from './answers.ts'
import { MAX_TRANSACTION_BYTES, type ZooKeeperClient } from './client.ts'
import { decodeOffset, encodeOffset } from './formats.ts'
import { ensureNodes } from './own-nodes.ts'
import { partitionOf, withAncestors, type GroupPaths } from './paths.ts'
import { multiBytes, stepBytes } from './wire.ts'
import { ANY_VERSION, setOrCreate, type Op } from './znode.ts'

/** What the steps of one transaction may take. */
const MAX_PIN_BYTES = MAX_TRANSACTION_BYTES - multiBytes([])

/** Somebody else may pin or commit at the same moment; each round begins with what is stored then. */
const ROUNDS = 5

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
  return readOffsetsOf(client, paths, await partitionsBelow(client, paths, topic))
}

/** Partitions for which an offset is stored, be it one that cannot be read: whoever starts there is to say so. */
export async function readStored(
  client: ZooKeeperClient,
  paths: GroupPaths,
  topics: readonly string[],
): Promise<TopicPartition[]> {
  const below = await Promise.all(topics.map(topic => partitionsBelow(client, paths, topic)))
  const partitions = below.flat()
  const isStored = await Promise.all(partitions.map(of => hasOffset(client, paths, of)))
  return partitions.filter((_of, index) => isStored[index])
}

async function hasOffset(client: ZooKeeperClient, paths: GroupPaths, of: TopicPartition): Promise<boolean> {
  try {
    return (await readNode(client, paths, of)).offset !== null
  } catch (error) {
    if (isGroupError(error, 'OFFSET_CORRUPT')) return true
    throw error
  }
}

/** In order. */
async function partitionsBelow(
  client: ZooKeeperClient,
  paths: GroupPaths,
  topic: string,
): Promise<TopicPartition[]> {
  const names = (await client.getChildren(paths.topicOffsets(topic))) ?? []
  const partitions = names.map(partitionOf).filter(partition => partition !== null)
  return partitions.sort((a, b) => a - b).map(partition => ({ topic, partition }))
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
 * Stores positions, with progress beside them, where none is stored, by topic and then partition number: Burrow sees
 * only partitions whose nodes were made in order. As many topics as fit share a transaction. A topic is pinned whole, as
 * those of its partitions that others find unpinned pass for later ones; only one that is too large alone is cut.
 */
export async function pinStartOffsets(
  client: ZooKeeperClient,
  paths: GroupPaths,
  starts: readonly StartOffset[],
): Promise<void> {
  const topics = [...new Set(starts.map(start => start.topic))]
  const parents = topics.flatMap(topic => [paths.topicOffsets(topic), paths.topicProgress(topic)])
  await ensureNodes(client, [...new Set(parents.flatMap(withAncestors))])
  const byTopic = topics.map(topic =>
    starts.filter(start => start.topic === topic).sort((a, b) => a.partition - b.partition),
  )
  for (const together of intoTransactions(paths, byTopic)) await pinTogether(client, paths, together)
}

function intoTransactions(paths: GroupPaths, byTopic: readonly StartOffset[][]): StartOffset[][] {
  const bytes = new Map(byTopic.flat().map(start => [start, pinBytes(paths, start)]))
  const bytesOf = (unit: readonly StartOffset[]): number =>
    unit.reduce((sum, start) => sum + bytes.get(start)!, 0)
  const units = byTopic.flatMap(topic =>
    bytesOf(topic) <= MAX_PIN_BYTES
      ? [topic]
      : packed(
          topic.map(start => [start]),
          bytesOf,
        ),
  )
  return packed(units, bytesOf)
}

/** In order, each as full as it may be. */
function packed(
  units: readonly StartOffset[][],
  bytesOf: (unit: readonly StartOffset[]) => number,
): StartOffset[][] {
  const transactions: StartOffset[][] = []
  let room = 0
  for (const unit of units) {
    const bytes = bytesOf(unit)
    if (bytes > room) {
      transactions.push([])
      room = MAX_PIN_BYTES
    }
    transactions.at(-1)!.push(...unit)
    room -= bytes
  }
  return transactions
}

/** At most: to make a node takes more than to set it. */
function pinBytes(paths: GroupPaths, start: StartOffset): number {
  return stepBytes(pinOps(paths, start, { offsetVersion: null, hasProgress: false }))
}

async function pinTogether(
  client: ZooKeeperClient,
  paths: GroupPaths,
  starts: readonly StartOffset[],
): Promise<void> {
  const missing = new Set<StartOffset>()
  for (let round = 0; round < ROUNDS; round += 1) {
    const present = await presentNodes(client, paths, starts)
    const isThere = (start: StartOffset): boolean => present.has(paths.offset(start))
    // One that has appeared since was pinned by another member. Members of a new group all come here at the same moment:
    // reading each node to see that would be most of what their start costs.
    const left = starts.filter(start => !(missing.has(start) && isThere(start)))
    for (const start of left) if (!isThere(start)) missing.add(start)
    const ops = (await Promise.all(left.map(start => pinSteps(client, paths, start, present)))).flat()
    if (ops.length === 0) return
    const result = await client.multi(ops)
    if (result.committed) return
    changedStep(ops, result)
  }
  throw refused({ operation: 'pin offsets below', path: paths.offsets }, 'changes by others, again and again')
}

/** Paths of the offset and progress nodes that there are, of the topics of these starts. */
async function presentNodes(
  client: ZooKeeperClient,
  paths: GroupPaths,
  starts: readonly StartOffset[],
): Promise<ReadonlySet<string>> {
  const topics = [...new Set(starts.map(({ topic }) => topic))]
  const parents = topics.flatMap(topic => [paths.topicOffsets(topic), paths.topicProgress(topic)])
  const children = await Promise.all(parents.map(parent => client.getChildren(parent)))
  return new Set(parents.flatMap((parent, index) => (children[index] ?? []).map(name => `${parent}/${name}`)))
}

/** The version makes sure that nothing stored in the meantime is overwritten; progress that is left there counts for nothing. */
async function pinSteps(
  client: ZooKeeperClient,
  paths: GroupPaths,
  start: StartOffset,
  present: ReadonlySet<string>,
): Promise<Op[]> {
  const hasProgress = present.has(paths.progress(start))
  if (!present.has(paths.offset(start))) return pinOps(paths, start, { offsetVersion: null, hasProgress })
  const node = await readNode(client, paths, start)
  return node.offset === null ? pinOps(paths, start, { offsetVersion: node.version, hasProgress }) : []
}

function pinOps(
  paths: GroupPaths,
  start: StartOffset,
  { offsetVersion, hasProgress }: { offsetVersion: number | null; hasProgress: boolean },
): Op[] {
  const data = encodeProgress(progressAt(start.offset, start.topicId))
  return [
    setOrCreate(paths.offset(start), encodeOffset(start.offset), offsetVersion),
    setOrCreate(paths.progress(start), data, hasProgress ? ANY_VERSION : null),
  ]
}

async function readNode(client: ZooKeeperClient, paths: GroupPaths, of: TopicPartition): Promise<OffsetNode> {
  const path = paths.offset(of)
  const node = await client.getData(path)
  const { topic, partition } = of
  if (node === null) return { topic, partition, path, version: null, offset: null }
  return { topic, partition, path, version: node.stat.version, offset: decodeOffset(node.data, path) }
}
