import type { ClaimEnd, StoredClaim, StoredCommit } from './history.ts'
import type { Change } from './zookeeper-log.ts'

type OpenClaim = Omit<StoredClaim, 'to'> & { path: string }

/** What ZooKeeper's log tells about one topic of a group: every claim from its beginning to its end, and every commit. */
export function groupNodes(
  changes: readonly Change[],
  groupId: string,
  topic: string,
): { claims: StoredClaim[]; commits: StoredCommit[] } {
  const owners = `/consumers/${groupId}/owners/${topic}/`
  const offsets = `/consumers/${groupId}/offsets/${topic}/`
  const open = new Map<string, OpenClaim>()
  const claims: StoredClaim[] = []
  const commits: StoredCommit[] = []
  const end = (path: string, { atMs, zxid }: Change, how: ClaimEnd): void => {
    const claim = open.get(path)
    if (claim === undefined) return
    open.delete(path)
    claims.push({ ...claim, to: { atMs, zxid, how } })
  }
  for (const change of changes) {
    if (change.type === 'close-session') {
      for (const [path, { sessionId }] of open)
        if (sessionId === change.sessionId) end(path, change, 'session-end')
    } else if (change.path.startsWith(offsets) && change.type !== 'delete') {
      commits.push({ ...headOf(change), partition: partitionOf(change.path), offset: Number(change.data) })
    } else if (change.path.startsWith(owners)) {
      const wasStored = commits.at(-1)?.zxid === change.zxid
      if (change.type === 'delete') end(change.path, change, wasStored ? 'released' : 'removed')
      if (change.type === 'create') open.set(change.path, claimOf(change))
    }
  }
  claims.push(...[...open.values()].map(claim => ({ ...claim, to: null })))
  return { claims: claims.sort(byEpoch), commits }
}

function claimOf(change: Extract<Change, { type: 'create' }>): OpenClaim {
  return {
    path: change.path,
    partition: partitionOf(change.path),
    epoch: change.zxid,
    sessionId: change.sessionId,
    memberId: change.data.slice(0, change.data.lastIndexOf('-')),
    fromMs: change.atMs,
  }
}

function headOf({ atMs, zxid, sessionId }: Change): Pick<StoredCommit, 'atMs' | 'zxid' | 'sessionId'> {
  return { atMs, zxid, sessionId }
}

function partitionOf(path: string): number {
  return Number(path.slice(path.lastIndexOf('/') + 1))
}

function byEpoch(a: StoredClaim, b: StoredClaim): number {
  return a.epoch < b.epoch ? -1 : 1
}
