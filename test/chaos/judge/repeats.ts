import type { HandledRecord, History, StoredClaim, Violation } from '../history.ts'
import { claimsByEpoch, groupBy, laneName, processOf } from './sessions.ts'
import { NOISE_MS, troublesOf, troubleThatEnded } from './trouble.ts'

/**
 * Guarantees 2 and 3. A record may be handled again only if the claim under which it was handled before ended without a
 * release, if that end has a cause among the faults, and if it was not finished so long before the trouble began that a
 * commit must have had it: within one commit interval before it, or later. A join or a leave explains no repeat.
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
  const beganMs = troubleThatEnded(troublesOf(process, history.faults), claim.to.atMs, history.settings)
  if (beganMs === null) return `the session of ${process.name} ended and no fault explains that`
  const committedMs = beganMs - history.settings.commitIntervalMs - NOISE_MS
  if (record.endMs !== null && record.endMs < committedMs)
    return `it was finished ${beganMs - record.endMs} ms before the trouble began and should have been committed`
  return null
}
