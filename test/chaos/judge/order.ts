import type { History, LedgerLine, ThreadLedger, Violation } from '../history.ts'
import { claimsByEpoch, laneName, recordsByLane } from './sessions.ts'

/**
 * Guarantee 4 in partition order: within a claim one at a time, in offset order, from the committed offset on and without a gap: the logs of
 * these runs have no hole that could be passed. Within a thread the order is that of its own file, not of any clock.
 */
export function disorders(history: History): Violation[] {
  const several = onSeveralProcesses(history)
  if (history.settings.ordering !== 'partition') return several // each record has a key of its own, and no order to keep
  return [...history.ledgers.flatMap(oneAtATime), ...acrossThreads(history), ...gaps(history), ...several]
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

/** A lane may move from one thread to another, between two records. By the clock: the threads have no other order. */
function acrossThreads(history: History): Violation[] {
  return [...recordsByLane(history)].flatMap(([lane, records]) =>
    records.slice(1).flatMap((record, n) => {
      const before = records[n]!
      if (before.threadId === record.threadId || (before.endMs ?? Infinity) <= record.startMs) return []
      const message = `${record.process}, ${lane}: ${record.offset} started on thread ${record.threadId} while ${before.offset} was in hand on thread ${before.threadId}`
      return [{ rule: 'one at a time', message }]
    }),
  )
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

function onSeveralProcesses(history: History): Violation[] {
  return [...recordsByLane(history)]
    .filter(([, records]) => new Set(records.map(({ process }) => process)).size > 1)
    .map(([lane]) => ({ rule: 'epoch', message: `${lane} was worked off by several processes` }))
}
