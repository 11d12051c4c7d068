import type { TopicPartition } from '../../../shared/types.ts'
import type { Holder, MemberNode, StoredOffset, StoredOwner } from '../group-storage.ts'
import type { ZooKeeperClient } from './client.ts'
import { readOffsets } from './offsets.ts'
import { partitionOf, type GroupPaths } from './paths.ts'
import { PERSISTENT, sessionName } from './znode.ts'

/** A group as it is stored, whoever its members are. */
export interface StoredGroup {
  /** Where the nodes of the members are. */
  readonly idsPath: string
  readonly members: readonly MemberNode[]
  /** Topics that the group has owners or offsets of. */
  readonly topics: readonly string[]
  readonly owners: readonly StoredOwner[]
  readonly offsets: readonly StoredOffset[]
}

/** Reads a group without joining it; null if there is none. OFFSET_CORRUPT names the first bad node. */
export async function readGroup(client: ZooKeeperClient, paths: GroupPaths): Promise<StoredGroup | null> {
  if (!(await client.exists(paths.group))) return null
  const list = async (path: string): Promise<string[]> => (await client.getChildren(path)) ?? []
  const [members, owned, stored] = await Promise.all([
    readMemberNodes(client, paths),
    list(paths.owners),
    list(paths.offsets),
  ])
  const topics = [...new Set([...owned, ...stored])].sort()
  const ids = members.map(({ memberId }) => memberId)
  const [owners, offsets] = await Promise.all([
    Promise.all(topics.map(topic => readOwners(client, paths, topic, ids))),
    readOffsets(client, paths, topics),
  ])
  return { idsPath: paths.ids, members, topics, owners: owners.flat(), offsets }
}

async function readMemberNodes(client: ZooKeeperClient, paths: GroupPaths): Promise<MemberNode[]> {
  const names = (await client.getChildren(paths.ids)) ?? []
  const nodes = await Promise.all(names.map(name => client.getData(paths.id(name))))
  return names.flatMap((memberId, index) => {
    const node = nodes[index] ?? null // null: it has left between the two reads
    return node === null ? [] : [{ memberId, data: node.data, czxid: node.stat.czxid }]
  })
}

/** Who holds a partition now, and whether that is a member; null if nobody does. */
export async function readHolder(
  client: ZooKeeperClient,
  paths: GroupPaths,
  of: TopicPartition,
): Promise<Holder | null> {
  const path = paths.owner(of)
  const [node, members] = await Promise.all([client.getData(path), client.getChildren(paths.ids)])
  if (node === null) return null
  const name = ownerName(node.data.toString('utf8'), members ?? [])
  const { ephemeralOwner } = node.stat
  const session = ephemeralOwner === PERSISTENT ? null : sessionName(ephemeralOwner)
  return { name, isMember: members?.includes(name) ?? false, path, session }
}

export async function readOwners(
  client: ZooKeeperClient,
  paths: GroupPaths,
  topic: string,
  members: readonly string[],
): Promise<StoredOwner[]> {
  const names = (await client.getChildren(paths.topicOwners(topic))) ?? []
  const partitions = names.map(partitionOf).filter(partition => partition !== null)
  const nodes = await Promise.all(
    partitions.map(partition => client.getData(paths.owner({ topic, partition }))),
  )
  return partitions.flatMap((partition, index) => {
    const node = nodes[index] ?? null // null: released between the two reads
    return node === null ? [] : [{ topic, partition, owner: ownerName(node.data.toString('utf8'), members) }]
  })
}

/** Ours and the Scala consumers write `<memberId>-<n>`, the original and kazoo the bare id, which may hold dashes too. */
export function ownerName(text: string, members: readonly string[]): string {
  const withoutThread = text.slice(0, Math.max(0, text.lastIndexOf('-')))
  return members.includes(withoutThread) ? withoutThread : text
}
