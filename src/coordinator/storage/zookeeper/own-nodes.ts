import { answeredWith, refused } from './answers.ts'
import type { ZooKeeperClient } from './client.ts'

const ATTEMPTS = 3

/** Deletes a node if it is of this very session, and only in the version that was seen to be. Any other is left alone. */
export async function removeOurs(client: ZooKeeperClient, path: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const node = await client.getData(path)
    if (node === null || node.stat.ephemeralOwner !== client.sessionId) return
    try {
      await client.remove(path, node.stat.version)
      return
    } catch (error) {
      if (!answeredWith(error, 'BAD_VERSION')) throw error // else somebody wrote to it in between: look again
    }
  }
  throw refused({ operation: 'remove', path }, 'BAD_VERSION')
}

/** Creates the persistent nodes that are missing, in the order given, in two round trips. */
export async function ensureNodes(client: ZooKeeperClient, paths: readonly string[]): Promise<void> {
  const present = await Promise.all(paths.map(path => client.exists(path)))
  const missing = paths.filter((_path, index) => !present[index])
  // ZooKeeper keeps the order of one session's calls, so parents are there before their children.
  await Promise.all(missing.map(path => client.create(path, null, 'persistent')))
}
