import type { Fault, HandledRecord, History, ProcessHistory, StoredClaim, Violation } from '../history.ts'
import { claimsByEpoch, claimsByPartition, groupBy, laneName, processOf, recordsByLane } from './sessions.ts'

/**
 * Guarantee 5: two members never run one partition at once.
 *
 * The lease ends a third of the session before ZooKeeper can give a claim to somebody else, and a handler here takes a few
 * milliseconds; so while its process runs, nothing may start or end after the owner node has gone, whatever took it away.
 * A release comes after the drain: there it holds without any margin but the clock's grain.
 *
 * Only a process that was stopped can be late, because nobody can look at a clock while it stands still: the records in
 * hand, one per partition, end after the thaw; and between the look at the clock and the first line of a handler it may
 * have been stopped too, so one record per thread and freeze may be seen to start then. No more: DESIGN §4 allows 100 µs of
 * work, and no record here takes less than 1 ms.
 */
export function overlaps(history: History): Violation[] {
  return [
    ...lateWork(history),
    ...startsWithoutLease(history),
    ...epochsThatShrink(history),
    ...claimsAtOnce(history),
    ...claimsLeft(history),
  ]
}

const CLOCK_GRAIN_MS = 2
/** A thread that was stopped inside a record may have to wait that long for one of two busy cores until it has ended it. */
const THAW_MS = 200
/** The same for one that has looked at the clock and not yet written that it starts. */
const LAST_START_MS = 50
/** Handlers may start before the event that says so has been written. */
const EVENT_GRAIN_MS = 20

function lateWork(history: History): Violation[] {
  const claims = claimsByEpoch(history)
  const started: { readonly where: string; readonly record: HandledRecord }[] = []
  const violations: Violation[] = []
  for (const [lane, records] of recordsByLane(history)) {
    const claim = claims.get(lane)
    if (claim?.to == null) continue
    const process = processOf(claim, history)
    const goneMs = claim.to.atMs + CLOCK_GRAIN_MS
    for (const record of records) {
      const lateMs = Math.max(record.startMs, record.endMs ?? 0)
      if (lateMs <= goneMs) continue
      const thawMs = thawBefore(lateMs, goneMs, process, history)
      if (thawMs === null) violations.push(tooLate(claim, record, goneMs))
      else if (record.startMs > goneMs)
        started.push({ where: `${process.name}, thread ${record.threadId}, thawed at ${thawMs}`, record })
    }
  }
  return [...violations, ...moreThanOne(groupBy(started, ({ where }) => where))]
}

/** The end of a freeze in which the claim was lost, if `lateMs` came right after it; null otherwise. */
function thawBefore(
  lateMs: number,
  goneMs: number,
  process: ProcessHistory,
  history: History,
): number | null {
  const freeze = thawAround(lateMs, process, history)
  return freeze !== null && freeze.fromMs <= goneMs && goneMs <= freeze.toMs! ? freeze.toMs : null
}

/** The freeze of the process that ended right before. */
function thawAround(atMs: number, process: ProcessHistory, { faults }: History): Fault | null {
  const freeze = faults.find(
    ({ kind, target, toMs }) =>
      kind.startsWith('freeze-') &&
      target === process.name &&
      atMs >= toMs! - CLOCK_GRAIN_MS &&
      atMs <= toMs! + THAW_MS,
  )
  return freeze ?? null
}

function tooLate({ to, partition, epoch }: StoredClaim, record: HandledRecord, goneMs: number): Violation {
  const what = record.startMs > goneMs ? 'started' : 'was still running'
  const lateMs = Math.max(record.startMs, record.endMs ?? 0) - to!.atMs
  const message = `${record.process}, ${laneName({ partition, epoch })}: ${record.offset} ${what} ${lateMs} ms after the claim had ended (${to!.how})`
  return { rule: 'two owners', message }
}

function moreThanOne(starts: ReadonlyMap<string, readonly unknown[]>): Violation[] {
  return [...starts]
    .filter(([, records]) => records.length > 1)
    .map(([where, records]) => ({
      rule: 'two owners',
      message: `${records.length} records were started without a claim: ${where}`,
    }))
}

/** Once a member has said that its lease is over, a thread may at once start the one record for which it had looked before. */
function startsWithoutLease(history: History): Violation[] {
  return history.processes.flatMap(process =>
    unleased(process).flatMap(({ fromMs, toMs }) => {
      const started = history.handled.filter(
        ({ process: name, startMs }) =>
          name === process.name && startMs > fromMs + CLOCK_GRAIN_MS && startMs < toMs - EVENT_GRAIN_MS,
      )
      const where = (one: HandledRecord): string =>
        `${one.process}, thread ${one.threadId}, no lease since ${fromMs}`
      const late = started.filter(
        ({ startMs }) => startMs > fromMs + LAST_START_MS && thawAround(startMs, process, history) === null,
      )
      return [
        ...moreThanOne(groupBy(started, where)),
        ...late.map(one => ({
          rule: 'two owners',
          message: `${laneName(one)}: ${one.offset} started ${one.startMs - fromMs} ms after the lease was over: ${where(one)}`,
        })),
      ]
    }),
  )
}

function unleased({ sessions }: ProcessHistory): { fromMs: number; toMs: number }[] {
  return sessions.flatMap(({ what, atMs }, n) => {
    const next = sessions[n + 1]
    return what === 'lost' ? [{ fromMs: atMs, toMs: next?.atMs ?? Infinity }] : []
  })
}

/** The fencing token that handlers see grows with the claims of a partition, in the order in which they begin to work. */
function epochsThatShrink(history: History): Violation[] {
  const violations: Violation[] = []
  const begun = [...recordsByLane(history).values()].map(records => records[0]!)
  for (const [partition, firsts] of groupBy(begun, one => one.partition)) {
    firsts.sort((a, b) => a.startMs - b.startMs)
    firsts.slice(1).forEach((one, n) => {
      if (one.epoch < firsts[n]!.epoch && one.startMs > firsts[n]!.startMs + CLOCK_GRAIN_MS)
        violations.push({
          rule: 'epoch',
          message: `partition ${partition}: ${one.epoch} began after ${firsts[n]!.epoch}`,
        })
    })
  }
  return violations
}

/** Everybody has left by the end of a run, and nobody was killed so late that its session could outlive it. */
function claimsLeft({ claims }: History): Violation[] {
  return claims
    .filter(({ to }) => to === null)
    .map(claim => ({
      rule: 'claims',
      message: `${laneName(claim)} of ${claim.memberId} was still there at the end`,
    }))
}

function claimsAtOnce(history: History): Violation[] {
  return [...claimsByPartition(history).values()].flatMap(claims =>
    claims
      .slice(1)
      .filter((claim, n) => claims[n]!.to === null || claims[n]!.to.zxid > claim.epoch)
      .map(claim => ({ rule: 'two owners', message: `${laneName(claim)} was made while another was there` })),
  )
}
