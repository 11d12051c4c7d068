import type { History, Violation } from '../history.ts'
import { badCommits } from './commits.ts'
import { faultsThatDidNotFire } from './faults-fired.ts'
import { startsBeyondLease } from './lease.ts'
import { losses } from './losses.ts'
import { badMembers } from './members.ts'
import { disorders } from './order.ts'
import { overlaps } from './ownership.ts'
import { unexplainedRepeats } from './repeats.ts'

/** Everything that a run did and should not have. A pure function of what the run left behind. */
export function judge(history: History): Violation[] {
  return [
    losses,
    disorders,
    overlaps,
    startsBeyondLease,
    badCommits,
    unexplainedRepeats,
    badMembers,
    faultsThatDidNotFire,
  ].flatMap(rule => rule(history))
}
