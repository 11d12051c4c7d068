import type { HandledRecord, History, StoredClaim, StoredCommit, Violation } from '../history.ts'
import { claimsByEpoch, groupBy, laneName, processOf } from './sessions.ts'
import { NOISE_MS, troublesOf, troubleThatEnded } from './trouble.ts'

/**
 * Guarantees 2 and 3. A record may be handled again only if
 * - the claim under which it was handled before ended without a release, and a fault explains that end: a join, a leave or
 *   a broker's fault explains none;
 * - it was not finished so long before that trouble began that a commit must have had it: one commit interval;
 * - its claim has committed nothing one commit interval after it was finished: a commit has everything of its partition that
 *   is finished. What other partitions commit says nothing: careful claims commit whenever they announce something.
 */
export function unexplainedRepeats(history: History): Violation[] {
  const claims = claimsByEpoch(history)
  return repeatsIn(history).flatMap(({ earlier }) => {
    const why = whyNotExplained(earlier, claims.get(laneName(earlier)), history)
    if (why === null) return []
    const { partition, offset, process, epoch } = earlier
    const message = `${partition}/${offset} was handled again after ${process} had it in epoch ${epoch}: ${why}`
    return [{ rule: 'repeated', message }]
  })
}

export interface Repeat {
  readonly earlier: HandledRecord
  readonly later: HandledRecord
}

/** Each record that was started more than once: every time but the last, with the time after it. */
export function repeatsIn({ handled }: History): Repeat[] {
  const byRecord = groupBy(handled, ({ partition, offset }) => `${partition}/${offset}`)
  return [...byRecord.values()].flatMap(times => {
    const inOrder = [...times].sort((a, b) => (a.epoch < b.epoch ? -1 : 1))
    return inOrder.slice(1).map((later, n) => ({ earlier: inOrder[n]!, later }))
  })
}

/** Null: it is explained. */
function whyNotExplained(
  record: HandledRecord,
  claim: StoredClaim | undefined,
  history: History,
): string | null {
  if (claim?.to == null) return 'its claim had not ended'
  if (claim.to.how !== 'session-end') return `its claim was ${claim.to.how}`
  const process = processOf(claim, history)
  const beganMs = troubleThatEnded(troublesOf(process, history), claim.to.atMs, history.settings)
  if (beganMs === null) return `the session of ${process.name} ended and no fault explains that`
  const { commitIntervalMs } = history.settings
  const endMs = record.endMs ?? Infinity // in hand when its process ended
  if (endMs < beganMs - commitIntervalMs - NOISE_MS)
    return `it was finished ${beganMs - endMs} ms before the trouble began`
  const committedMs = lastCommitOf(claim, history)
  if (endMs < committedMs - commitIntervalMs - ON_ITS_WAY_MS)
    return `it was finished ${committedMs - endMs} ms before a commit of its claim`
  return null
}

/** A commit is on its way for so long. */
const ON_ITS_WAY_MS = 500

/**
 * When the claim was last committed and not released, as far as it was sent then: what ZooKeeper
 * finds in its socket when it thaws was sent before it froze, maybe by a process that is dead by now.
 */
function lastCommitOf(claim: StoredClaim, { claims, commits, faults }: History): number {
  const releases = new Set(claims.map(({ to }) => to?.zxid))
  const isOfClaim = ({ sessionId, partition }: StoredCommit): boolean =>
    sessionId === claim.sessionId && partition === claim.partition
  const last = commits.findLast(commit => isOfClaim(commit) && !releases.has(commit.zxid))
  if (last === undefined) return -Infinity
  const freeze = faults.find(
    ({ kind, fromMs, toMs }) =>
      kind.startsWith('zookeeper-freeze-') && last.atMs >= fromMs && last.atMs <= toMs! + ON_ITS_WAY_MS,
  )
  return freeze?.fromMs ?? last.atMs
}
