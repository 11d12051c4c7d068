import { GroupError } from '../../shared/errors.ts'
import type { RecordInHand } from '../../shared/memory/remainder-memory.ts'
import { partitionName, type TopicPartition } from '../../shared/types.ts'
import { exculpated } from './open-claim.ts'
import type { Progress } from './progress.ts'

/** What is found at a claim, before anything of it runs. */
export interface ClaimFinding {
  readonly progress: Progress
  /** The record that is given up because processes die of it. */
  readonly killer: ProcessKiller | null
}

export interface ProcessKiller extends RecordInHand {
  readonly deaths: number
}

/**
 * Finds the record that kills its process in what is stored after `claimedBy`. `allowed` is retry.attempts; `alive` names
 * processes that live, whose ends count no more. The record that was alone when its process died has that as a failed attempt. If as many processes have died in a row as a record has attempts it is given up
 * whatever its own count: the first deaths were needed to find it. Three at the least: the first death tells only that there
 * is something, the second in which window it is.
 */
export function findKiller(
  stored: Progress,
  allowed: number,
  alive: ReadonlySet<string> = new Set(),
): ClaimFinding {
  const progress = exculpated(stored, alive)
  const { open, inHand } = progress
  const window = open?.isAtRest === true && open.window?.isAlone === true ? open.window : null
  const suspect = inHand.find(({ offset }) => offset === window?.from)
  const killer = suspect === undefined ? null : judge(suspect, open!.deaths.length, allowed)
  if (killer === null) return { progress, killer }
  const usedUp = { offset: killer.offset, attempts: killer.attempts }
  return { progress: { ...progress, inHand: inHand.map(one => (one === suspect ? usedUp : one)) }, killer }
}

export function killedProcess(of: TopicPartition, { offset, deaths, attempts }: ProcessKiller): GroupError {
  const { topic, partition } = of
  return new GroupError(
    'HANDLER_KILLED_PROCESS',
    `the record at offset ${offset} of ${partitionName(of)} is given up: ${deaths} processes in a row have died there, the last one while it ran alone`,
    { details: { topic, partition, offset, attempt: attempts, deaths } },
  )
}

function judge({ offset, attempts }: RecordInHand, deaths: number, allowed: number): ProcessKiller | null {
  const isGivenUp = attempts >= allowed || deaths >= allowed
  return isGivenUp ? { offset, attempts: Math.max(attempts, allowed), deaths } : null
}
