import type { AssignmentKind } from '../assignment/negotiate.ts'

/** How long a handler may go on with a record of a partition that is to be given up, or to go on with other lanes, from when the drain began. */
export interface DrainPatience {
  /** Then its signal aborts. */
  readonly abortAfterMs: number
  /** Then its thread is ended, if it goes on all the same. */
  readonly cutAfterMs: number
  /** A handler of another partition that blocks the thread is waited for as long. */
  readonly sparesOthersForMs: number
}

/** A handler that blocks its thread for longer is taken for one that never ends. */
const SPARE_MS = 300_000

const LONG: DrainPatience = { abortAfterMs: 10_000, cutAfterMs: 12_000, sparesOthersForMs: SPARE_MS }
/** Members of the original, who divide by `modulo`, end themselves when they have waited for a partition for 30 s. */
const BELOW_30_S: DrainPatience = { ...LONG, sparesOthersForMs: 0 }
/** Classic consumers, who divide by `range`, ask four times, two seconds apart; then they own nothing any more. */
const SHORT: DrainPatience = { abortAfterMs: 3_000, cutAfterMs: 4_000, sparesOthersForMs: 0 }

/** Of a claim that is void its handler is told at once; whoever owns the partition by now does not wait for it. */
export const VOID: DrainPatience = { abortAfterMs: 0, cutAfterMs: 12_000, sparesOthersForMs: SPARE_MS }

/** Where the partition stays, and only goes on with other lanes. */
export const RELANE: DrainPatience = LONG

export function drainPatience(assignBy: AssignmentKind): DrainPatience {
  if (assignBy === 'range') return SHORT
  return assignBy === 'modulo' ? BELOW_30_S : LONG
}
