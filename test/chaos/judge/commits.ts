import type { History, StoredCommit, Violation } from '../history.ts'
import { claimsByPartition, groupBy } from './sessions.ts'

const CLOCK_GRAIN_MS = 2

/** Committed offsets never go back, never pass a record that nobody has finished, and come from whoever has the claim. */
export function badCommits(history: History): Violation[] {
  const byPartition = groupBy(history.commits, ({ partition }) => partition)
  return [
    ...[...byPartition.values()].flatMap(backwards),
    ...[...byPartition].flatMap(([partition, commits]) => beyondFinished(partition, commits, history)),
    ...withoutClaim(history),
  ]
}

function backwards(commits: readonly StoredCommit[]): Violation[] {
  return commits
    .slice(1)
    .filter(({ offset }, n) => offset < commits[n]!.offset)
    .map(({ partition, offset, zxid }) => ({
      rule: 'commits never go back',
      message: `partition ${partition}: ${offset} in ${zxid}, behind what was committed before`,
    }))
}

function beyondFinished(partition: number, commits: readonly StoredCommit[], history: History): Violation[] {
  const allFinishedMs = whenAllWereFinished(partition, history)
  return commits
    .filter(
      ({ offset, atMs }) => offset > 0 && !((allFinishedMs[offset - 1] ?? Infinity) <= atMs + CLOCK_GRAIN_MS),
    )
    .map(({ offset, atMs }) => {
      const lateMs = (allFinishedMs[offset - 1] ?? Infinity) - atMs
      const message = `partition ${partition}: ${offset} was committed ${lateMs} ms before everything below was finished`
      return { rule: 'commits pass nothing unfinished', message }
    })
}

/** By offset: when it and everything below it had been finished for the first time. Infinity: never. */
function whenAllWereFinished(partition: number, { handled, log }: History): number[] {
  const firstEnds = new Array<number>(log[partition]?.length ?? 0).fill(Infinity)
  for (const { partition: of, offset, endMs } of handled)
    if (of === partition && endMs !== null) firstEnds[offset] = Math.min(firstEnds[offset] ?? Infinity, endMs)
  let latest = 0
  return firstEnds.map(endMs => (latest = Math.max(latest, endMs)))
}

/** Except the pins of a group's birth, at which nobody can have begun. */
function withoutClaim(history: History): Violation[] {
  const claims = claimsByPartition(history)
  return history.commits
    .filter(({ partition, sessionId, zxid, offset }) => {
      const own = claims
        .get(partition)
        ?.some(
          claim =>
            claim.sessionId === sessionId &&
            claim.epoch < zxid &&
            (claim.to === null || claim.to.zxid >= zxid),
        )
      return own !== true && offset !== 0
    })
    .map(({ partition, offset, sessionId }) => ({
      rule: 'only the owner commits',
      message: `partition ${partition}: ${offset} was written by session ${sessionId}, which had no claim of it`,
    }))
}
