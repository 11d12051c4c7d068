/** More sessions than one process goes through while the nodes of any of them can still exist. */
const REMEMBERED = 1_000

/**
 * Sessions of this very process that are over for it although the server may keep their ephemeral nodes for one
 * more timeout: left without a goodbye, or expired. Process-wide, because a stopped group may be started again on a
 * new storage. A session that another group of this process still uses is never in here.
 */
const ended = new Set<bigint>()

export function rememberEnded(sessionId: bigint): void {
  if (sessionId === 0n) return
  ended.add(sessionId)
  if (ended.size > REMEMBERED) ended.delete(ended.values().next().value!)
}

/** True if nodes of this session may be deleted at once: nobody uses them any more. */
export function hasEnded(sessionId: bigint): boolean {
  return ended.has(sessionId)
}
