import type { HandledRecord, History, StoredClaim, Violation } from '../history.ts'
import { claimsByEpoch, groupBy, laneName, processOf } from './sessions.ts'
import { NOISE_MS, troublesOf, troubleThatEnded } from './trouble.ts'

/**
 * Guarantees 2 and 3. A record may be handled again only if
 * - the claim under which it was handled before ended without a release, and a fault explains that end: a join, a leave or
 *   a broker's fault explains none;
 * - it was not finished so long before that trouble began that a commit must have had it: one commit interval;
 * - its session has not committed anything one commit interval after it was finished: a round of commits has everything
 *   that is finished, and only the round that was cut off may have a part of it.
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
  const committedMs = lastRoundOf(claim, history)
  if (endMs < committedMs - commitIntervalMs - ROUND_MS)
    return `it was finished ${committedMs - endMs} ms before a commit of its session`
  return null
}

/** A round of commits is on its way for so long. */
const ROUND_MS = 500

/**
 * When the session of the claim last committed anything that it did not release, as far as it was sent then: what ZooKeeper
 * finds in its socket when it thaws was sent before it froze, maybe by a process that is dead by now.
 */
function lastRoundOf({ sessionId }: StoredClaim, { claims, commits, faults }: History): number {
  const releases = new Set(claims.map(({ to }) => to?.zxid))
  const last = commits.findLast(commit => commit.sessionId === sessionId && !releases.has(commit.zxid))
  if (last === undefined) return -Infinity
  const freeze = faults.find(
    ({ kind, fromMs, toMs }) =>
      kind.startsWith('zookeeper-freeze-') && last.atMs >= fromMs && last.atMs <= toMs! + ROUND_MS,
  )
  return freeze?.fromMs ?? last.atMs
}
