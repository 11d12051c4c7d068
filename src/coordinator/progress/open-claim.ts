import { randomBytes } from 'node:crypto'
import { MAX_ATTEMPTS, type RecordInHand } from '../../shared/memory/remainder-memory.ts'
import type { LanePositions, OpenClaim, Progress, Window } from './progress.ts'

/** Not its number, which the next process may get, too. */
const THIS_PROCESS = randomBytes(8).toString('base64url')

/** Of a claim that is worked off normally: if its process dies, nothing is known but that. */
export function normally(process = THIS_PROCESS): OpenClaim {
  return { process, deaths: 0, window: null, isAtRest: false }
}

/**
 * What a claim makes of the progress that it finds, in the very transaction that fences earlier claims: so a death counts
 * once, whoever dies before the next commit. Once a process has died a claim begins at rest, and records run carefully
 * (careful-claim.ts). A record that was alone in its process when that died has failed an attempt.
 */
export function claimedBy(progress: Progress, process = THIS_PROCESS): Progress {
  const { open } = progress
  if (open === null) return { ...progress, open: normally(process) }
  if (open.isAtRest) return { ...progress, open: { ...open, process } }
  if (open.process === process) return { ...progress, open: afterLostSession(open) }
  return {
    ...afterDeath(progress, open.window),
    open: { process, deaths: open.deaths + 1, window: open.window, isAtRest: true },
  }
}

/** From its first record that is not finished on: what is left of a window, or null if nothing is. */
export function leftOf(window: Window | null, { frontiers, inHand }: LanePositions): Window | null {
  if (window === null) return null
  const { from, to } = window
  const inHandThere = inHand.find(({ offset }) => offset >= from && offset < to)?.offset ?? to
  const left = Math.min(inHandThere, Math.max(from, Math.min(...frontiers)))
  if (left >= to) return null
  return left === from ? window : { ...window, from: left }
}

/** The process lives: nothing has died of what ran then, but what might have killed it before still may. */
function afterLostSession(open: OpenClaim): OpenClaim {
  if (open.deaths === 0) return open
  return { ...open, window: open.window && { ...open.window, isAlone: false }, isAtRest: true }
}

function afterDeath(progress: Progress, window: Window | null): Progress {
  if (window === null || !window.isAlone) return progress
  const { from: offset } = window
  const known = progress.inHand.find(record => record.offset === offset)
  if (known !== undefined)
    return { ...progress, inHand: progress.inHand.map(one => (one === known ? failedOnce(one) : one)) }
  // In the other orders what is announced is in hand before it is, so it is finished.
  if (progress.ordering !== 'partition') return progress
  const [frontier] = progress.frontiers
  // Else it is finished, or not the next one: then nothing is said of it, for that would say that those before it are finished.
  const isNext = progress.inHand.length === 0 && offset >= frontier!
  return isNext ? { ...progress, frontiers: [offset + 1], inHand: [{ offset, attempts: 1 }] } : progress
}

function failedOnce({ offset, attempts }: RecordInHand): RecordInHand {
  return { offset, attempts: Math.min(attempts + 1, MAX_ATTEMPTS) }
}
