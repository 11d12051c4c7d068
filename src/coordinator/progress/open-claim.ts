import { randomBytes } from 'node:crypto'
import { MAX_ATTEMPTS, type RecordInHand } from '../../shared/memory/remainder-memory.ts'
import type { Offset } from '../../shared/types.ts'
import type { LanePositions, OpenClaim, ProcessDeath, Progress, Window } from './progress.ts'

/** Not its number, which the next process may get, too. */
export const THIS_PROCESS = randomBytes(8).toString('base64url')

/** The oldest go first: by then what they tell is in the attempts of the record that was alone. */
const MAX_DEATHS = 20

/** Of a claim that is worked off normally: if its process dies, nothing is known but that. */
export function normally(process = THIS_PROCESS): OpenClaim {
  return { process, deaths: [], window: null, isAtRest: false }
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
  const alone = open.window?.isAlone === true ? open.window.from : null
  const deaths = [...open.deaths, { process: open.process, alone }].slice(-MAX_DEATHS)
  return { ...afterDeath(progress, alone), open: { process, deaths, window: open.window, isAtRest: true } }
}

/**
 * Of the processes that seemed to have died, these are alive: their sessions ended, and nothing of what ran then is to
 * blame. If no other is left, the claim is an ordinary one.
 */
export function exculpated(progress: Progress, alive: ReadonlySet<string>): Progress {
  const { open } = progress
  const survivors = open?.deaths.filter(({ process }) => alive.has(process)) ?? []
  if (open === null || survivors.length === 0) return progress
  const deaths = open.deaths.filter(death => !survivors.includes(death))
  return {
    ...progress,
    inHand: progress.inHand.map(one => takeBack(one, survivors)),
    open: deaths.length === 0 ? normally(open.process) : { ...open, deaths },
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
  if (open.deaths.length === 0) return open
  return { ...open, window: open.window && { ...open.window, isAlone: false }, isAtRest: true }
}

function afterDeath(progress: Progress, offset: Offset | null): Progress {
  if (offset === null) return progress
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

function takeBack({ offset, attempts }: RecordInHand, survivors: readonly ProcessDeath[]): RecordInHand {
  const ended = survivors.filter(({ alone }) => alone === offset).length
  return { offset, attempts: Math.max(0, attempts - ended) }
}

function failedOnce({ offset, attempts }: RecordInHand): RecordInHand {
  return { offset, attempts: Math.min(attempts + 1, MAX_ATTEMPTS) }
}
