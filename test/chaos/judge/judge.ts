import type { History, Violation } from '../history.ts'
import { badCommits } from './commits.ts'
import { unexplainedErrors } from './error-events.ts'
import { faultsThatDidNotFire } from './faults-fired.ts'
import { startsBeyondLease } from './lease.ts'
import { losses } from './losses.ts'
import { stoodStill } from './machine.ts'
import { badMembers } from './members.ts'
import { disorders } from './order.ts'
import { overlaps } from './ownership.ts'
import { partitionsWithout } from './presence.ts'
import { tooManyRepeats } from './repeat-cap.ts'
import { unexplainedRepeats } from './repeats.ts'

/** Everything that a run did and should not have. A pure function of what the run left behind. */
export function judge(history: History): Violation[] {
  return [
    partitionsWithout,
    losses,
    disorders,
    overlaps,
    startsBeyondLease,
    badCommits,
    unexplainedRepeats,
    tooManyRepeats,
    badMembers,
    unexplainedErrors,
    stoodStill,
    faultsThatDidNotFire,
  ].flatMap(rule => rule(history))
}
