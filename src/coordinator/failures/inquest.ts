import type { DeathKind } from '../threads/thread-death.ts'

/** What shared memory tells of a lane whose thread has exited. */
export interface LaneEvidence<Lane> {
  readonly lane: Lane
  /** `slice`: the lane was on the stack of the thread. `awaited`, `timed-out`: its async handler had not settled. */
  readonly inHand: 'nothing' | 'slice' | 'awaited' | 'timed-out'
}

/** Who is to blame for the death of a thread. Either one lane is guilty, or several are suspects, or nobody is to blame. */
export interface Verdict<Lane> {
  readonly guilty: Lane | null
  /** One of them did it: they are run again, one at a time, and only a death with one alone counts. */
  readonly suspects: readonly Lane[]
}

export const NOBODY: Verdict<never> = { guilty: null, suspects: [] }

/**
 * `process.exit` ends a thread on the spot, so a lane that was on the stack is the one that called it. Anything else may be
 * the doing of whatever was in hand: what fails while one lane is on the stack may have been prepared by another, above all
 * when memory is used up.
 */
export function inquest<Lane>(
  kind: Exclude<DeathKind, 'terminated'>,
  lanes: readonly LaneEvidence<Lane>[],
): Verdict<Lane> {
  const onStack = lanes.filter(one => one.inHand === 'slice')
  if (kind === 'exit' && onStack.length === 1) return { guilty: onStack[0]!.lane, suspects: [] }
  return verdictOn(lanes.filter(one => one.inHand !== 'nothing').map(one => one.lane))
}

/** Of lanes that alone can have done it. */
export function verdictOn<Lane>(lanes: readonly Lane[]): Verdict<Lane> {
  if (lanes.length === 0) return NOBODY
  return lanes.length === 1 ? { guilty: lanes[0]!, suspects: [] } : { guilty: null, suspects: lanes }
}
