import { GroupError, isGroupError } from '../../../shared/errors.ts'
import type { Offset, TopicPartition } from '../../../shared/types.ts'
import { encodeProgress } from '../../progress/progress-format.ts'
import { progressAt } from '../../progress/progress.ts'
import type { StoredOffset } from '../group-storage.ts'
import { changedStep, isConnectionError, refused } from './answers.ts'
import { MAX_TRANSACTION_BYTES, type ZooKeeperClient } from './client.ts'
import { decodeOffset, encodeOffset, preview } from './formats.ts'
import type { GroupPaths } from './paths.ts'
import { multiBytes } from './wire.ts'
import { ANY_VERSION, setOrCreate, type MultiResult, type Op, type Znode } from './znode.ts'

/** An offset as it was and as it is now. */
export interface ResetOffset extends TopicPartition {
  /** Null: nothing was stored, or nothing that is an offset. */
  readonly from: Offset | null
  readonly to: Offset
}

/** Somebody else may write at the same moment; each round begins with what is there then. */
const ROUNDS = 5

/** What a reset finds: all of it nodes that its transaction depends on. */
interface Look {
  /** Persistent nodes that are missing, each after the one above it. */
  readonly missing: readonly string[]
  /** `ids` of the group and `owners` of the topic, as far as they are there. Nobody is below them. */
  readonly empty: readonly { readonly path: string; readonly data: Buffer }[]
  readonly offsets: readonly (Znode | null)[]
  readonly hasProgress: readonly boolean[]
}

/** What is to be stored of one topic. */
export interface ResetTargets {
  readonly topic: string
  /** The incarnation that the offsets belong to; null where the brokers have no topic ids. */
  readonly topicId: string | null
  readonly offsets: readonly StoredOffset[]
}

/** How a reset reads, across reconnects, and how it writes, once. */
export interface ResetPort {
  read<T>(work: (client: ZooKeeperClient) => Promise<T>): Promise<T>
  /** Throws if there is no connection: then nothing was sent. */
  writer(): (ops: readonly Op[]) => Promise<MultiResult>
}

/**
 * Sets offsets of one topic in one transaction, in which nobody is in the group: `ids` and the topic's `owners` are
 * deleted and made again, which ZooKeeper refuses while anything is below them. So it cannot race a member: one that is
 * there by then makes it fail, one that comes later reads the new offsets. Nobody ever finds the two missing, and the
 * offset nodes stay the same ones. The incarnation of the topic is stored as progress beside each, as at a commit: without it
 * a topic that is made again later would pass for this one. GROUP_HAS_MEMBERS; after any error but ZOOKEEPER_DISCONNECTED and SESSION_EXPIRED
 * nothing has changed.
 */
export async function resetOffsets(
  port: ResetPort,
  paths: GroupPaths,
  { topic, topicId, offsets }: ResetTargets,
): Promise<ResetOffset[]> {
  const inOrder = [...offsets].sort((a, b) => a.partition - b.partition)
  for (let round = 0; round < ROUNDS; round += 1) {
    const look = await port.read(client => lookAt(client, paths, topic, inOrder))
    const ops = transactionOf(look, paths, inOrder, topicId)
    assertFits(ops, topic, inOrder.length)
    const result = await writeOnce(port, ops, topic)
    if (result.committed)
      return inOrder.map((target, index) => outcome(target, look.offsets[index] ?? null, paths))
    changedStep(ops, result, ['NOT_EMPTY']) // somebody has joined or claimed
  }
  throw refused({ operation: 'reset', path: paths.topicOffsets(topic) }, 'changes by others, again and again')
}

/** False if there is no such group; GROUP_HAS_MEMBERS if it has some. */
export async function isThereWithoutMembers(client: ZooKeeperClient, paths: GroupPaths): Promise<boolean> {
  const members = await client.getChildren(paths.ids)
  if (members !== null && members.length > 0) throw groupHasMembers(paths, members)
  return members !== null || client.exists(paths.group)
}

function groupHasMembers(paths: GroupPaths, members: readonly string[]): GroupError {
  const names = [...members].sort()
  return new GroupError(
    'GROUP_HAS_MEMBERS',
    `the group has members: ${names.join(', ')} (${paths.ids}); stop them first. One that was killed counts until its session times out`,
    { details: { path: paths.ids, members: names } },
  )
}

async function lookAt(
  client: ZooKeeperClient,
  paths: GroupPaths,
  topic: string,
  targets: readonly TopicPartition[],
): Promise<Look> {
  await assertNobody(client, paths, topic)
  const parents = paths.parents([topic])
  const [isStored, hasProgress, nodes] = await Promise.all([
    isBelow(client, paths.topicOffsets(topic)),
    isBelow(client, paths.topicProgress(topic)),
    Promise.all(parents.map(path => client.getData(path))),
  ])
  const present = parents.flatMap((path, index) => {
    const node = nodes[index] ?? null
    return node === null ? [] : [{ path, data: node.data }]
  })
  const mustBeEmpty = [paths.ids, paths.topicOwners(topic)]
  return {
    missing: parents.filter((_path, index) => nodes[index] === null),
    empty: present.filter(({ path }) => mustBeEmpty.includes(path)),
    offsets: await Promise.all(
      targets.map(async of => (isStored(of) ? client.getData(paths.offset(of)) : null)),
    ),
    hasProgress: targets.map(hasProgress),
  }
}

/** For a message that says who it is; that nobody has come since is up to the transaction. */
async function assertNobody(client: ZooKeeperClient, paths: GroupPaths, topic: string): Promise<void> {
  await isThereWithoutMembers(client, paths)
  const [owned] = (await client.getChildren(paths.topicOwners(topic))) ?? []
  if (owned !== undefined) throw await stillOwned(client, `${paths.topicOwners(topic)}/${owned}`)
}

/** Which partitions have a node there: thousands are found in one list, not asked for one by one. */
async function isBelow(client: ZooKeeperClient, path: string): Promise<(of: TopicPartition) => boolean> {
  const names = new Set(await client.getChildren(path))
  return ({ partition }) => names.has(String(partition))
}

/** Offsets in order of the partitions: Burrow sees only those whose nodes were made so. */
function transactionOf(
  look: Look,
  paths: GroupPaths,
  targets: readonly StoredOffset[],
  topicId: string | null,
): Op[] {
  return [
    ...look.missing.map((path): Op => ({ type: 'create', path, data: null, ephemeral: false })),
    ...look.empty.flatMap(({ path, data }): Op[] => [
      { type: 'remove', path, version: ANY_VERSION },
      { type: 'create', path, data, ephemeral: false },
    ]),
    ...targets.map((target, index) =>
      setOrCreate(
        paths.offset(target),
        encodeOffset(target.offset),
        look.offsets[index]?.stat.version ?? null,
      ),
    ),
    ...targets.flatMap((target, index) =>
      progressSteps(paths.progress(target), target.offset, topicId, look.hasProgress[index] === true),
    ),
  ]
}

function progressSteps(path: string, offset: Offset, topicId: string | null, isThere: boolean): Op[] {
  if (topicId === null) return isThere ? [{ type: 'remove', path, version: ANY_VERSION }] : []
  return [setOrCreate(path, encodeProgress(progressAt(offset, topicId)), isThere ? ANY_VERSION : null)]
}

/** Not repeated without an answer: had it taken effect, the offsets before it would be lost for the report. */
async function writeOnce(port: ResetPort, ops: readonly Op[], topic: string): Promise<MultiResult> {
  const write = port.writer()
  try {
    return await write(ops)
  } catch (error) {
    if (!isGroupError(error) || !isConnectionError(error)) throw error
    const message = `the answer to the reset of "${topic}" did not come: either all its offsets are reset or none is; look at the group, or reset it again`
    throw new GroupError(error.code, message, { details: error.details, cause: error })
  }
}

function outcome(target: StoredOffset, node: Znode | null, paths: GroupPaths): ResetOffset {
  const { topic, partition, offset } = target
  return {
    topic,
    partition,
    from: node === null ? null : offsetOrNull(node, paths.offset(target)),
    to: offset,
  }
}

/** A reset is what repairs an offset that cannot be read. */
function offsetOrNull(node: Znode, path: string): Offset | null {
  try {
    return decodeOffset(node.data, path)
  } catch (error) {
    if (!isGroupError(error, 'OFFSET_CORRUPT')) throw error
    return null
  }
}

async function stillOwned(client: ZooKeeperClient, path: string): Promise<GroupError> {
  const node = await client.getData(path)
  const owner = preview(node?.data.toString('utf8') ?? '')
  return new GroupError(
    'GROUP_HAS_MEMBERS',
    `${path} says that ${owner} owns that partition, though the group has no member; find out what made the node, and delete it if that has ended`,
    { details: { path, owner } },
  )
}

function assertFits(ops: readonly Op[], topic: string, partitions: number): void {
  const bytes = multiBytes(ops)
  if (bytes <= MAX_TRANSACTION_BYTES) return
  throw new GroupError(
    'ZOOKEEPER_REFUSED',
    `resetting ${partitions} partitions of "${topic}" takes a transaction of ${bytes} bytes, and ZooKeeper takes ${MAX_TRANSACTION_BYTES}; nothing was changed: reset them in parts, some partitions at a time`,
    { details: { topic, partitions, bytes, maxBytes: MAX_TRANSACTION_BYTES } },
  )
}
