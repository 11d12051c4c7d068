import type { History, LedgerLine, ThreadLedger, Violation } from '../history.ts'
import { claimsByEpoch, laneName, recordsByLane } from './sessions.ts'

/**
 * Guarantee 4: within a claim one at a time, in offset order, from the committed offset on and without a gap: the logs of
 * these runs have no hole that could be passed. The order is that of the thread's own file, not of any clock.
 */
export function disorders(history: History): Violation[] {
  return [...history.ledgers.flatMap(oneAtATime), ...gaps(history), ...onSeveralThreads(history)]
}

function oneAtATime({ process, lines }: ThreadLedger): Violation[] {
  const inHand = new Map<string, LedgerLine>()
  const violations: Violation[] = []
  for (const line of lines) {
    const lane = laneName(line)
    const before = inHand.get(lane)
    if (line.what === 'start' && before !== undefined) {
      const message = `${process}, ${lane}: ${line.offset} started while ${before.offset} was in hand`
      violations.push({ rule: 'one at a time', message })
    }
    if (line.what === 'start') inHand.set(lane, line)
    else inHand.delete(lane)
  }
  return violations
}

function gaps(history: History): Violation[] {
  const committed = committedAtClaim(history)
  return [...recordsByLane(history)].flatMap(([lane, records]) => {
    let expected = committed.get(lane)
    if (expected === undefined) return [{ rule: 'epoch', message: `${lane}: no claim has this epoch` }]
    const violations: Violation[] = []
    for (const { offset, process } of records) {
      if (offset !== expected)
        violations.push({
          rule: 'order',
          message: `${process}, ${lane}: ${offset} where ${expected} was due`,
        })
      expected = offset + 1
    }
    return violations
  })
}

/** By claim: what was committed when it was made. Commits and claims are in one order, that of ZooKeeper. */
export function committedAtClaim(history: History): Map<string, number> {
  const { commits } = history
  return new Map(
    [...claimsByEpoch(history)].map(([lane, { partition, epoch }]) => {
      const before = commits.findLast(commit => commit.partition === partition && commit.zxid < epoch)
      return [lane, before?.offset ?? 0]
    }),
  )
}

function onSeveralThreads(history: History): Violation[] {
  return [...recordsByLane(history)]
    .filter(([, records]) => new Set(records.map(({ process }) => process)).size > 1)
    .map(([lane]) => ({ rule: 'epoch', message: `${lane} was worked off by several processes` }))
}
