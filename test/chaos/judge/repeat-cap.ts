import type { History, StoredClaim, Violation } from '../history.ts'
import { repeatsIn } from './repeats.ts'
import { claimsByEpoch, groupBy, laneName, processOf } from './sessions.ts'
import { NOISE_MS, troublesOf, troubleThatEnded } from './trouble.ts'

/** For so long a lane may have something to catch up with. */
const CATCHES_UP_MS = 10_000

/**
 * What a claim leaves to be repeated is no more than what arrived since the last commit that was certain: one interval
 * before the trouble began. Claims that had more than what arrives to work off are left out: young ones, and those whose
 * brokers were hurt.
 */
export function tooManyRepeats(history: History): Violation[] {
  const claims = claimsByEpoch(history)
  const ofClaim = groupBy(repeatsIn(history), ({ earlier }) => laneName(earlier))
  return [...ofClaim].flatMap(([lane, repeats]) => {
    const claim = claims.get(lane)
    const most = claim === undefined ? null : mostRepeats(claim, history)
    if (most === null || repeats.length <= most) return []
    const message = `${lane} left ${repeats.length} records to be repeated, and at most ${most} can have arrived since its last commit`
    return [{ rule: 'repeated', message }]
  })
}

/** Null: it cannot be told. */
function mostRepeats(claim: StoredClaim, history: History): number | null {
  const { recordsPerSecond, burst, commitIntervalMs, threads } = history.settings
  if (claim.to === null) return null
  const troubles = troublesOf(processOf(claim, history), history)
  const beganMs = troubleThatEnded(troubles, claim.to.atMs, history.settings)
  if (beganMs === null || claim.fromMs > beganMs - CATCHES_UP_MS) return null
  const fromMs = beganMs - commitIntervalMs - NOISE_MS
  const spanMs = claim.to.atMs - fromMs
  if (wereBrokersHurt(fromMs - CATCHES_UP_MS, claim.to.atMs, history)) return null
  const asked = history.faults.filter(
    ({ kind, fromMs: atMs }) =>
      kind.startsWith('freeze-') && atMs >= fromMs && atMs <= claim.to!.atMs + NOISE_MS,
  )
  const bursts = Math.floor(spanMs / burst.everyMs) + 1 + asked.length
  return Math.ceil((recordsPerSecond * spanMs) / 1_000) + bursts * burst.records + threads
}

function wereBrokersHurt(fromMs: number, toMs: number, { faults }: History): boolean {
  return faults.some(
    fault => fault.kind.includes('broker') && fault.fromMs <= toMs && (fault.toMs ?? Infinity) >= fromMs,
  )
}
