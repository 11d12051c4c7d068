import type { Fault, HandledRecord, History, ProcessHistory, Violation } from '../history.ts'
import { groupBy, laneName } from './sessions.ts'

/**
 * Guarantee 5, judged by the faults' own times instead of by what a member says of itself. A lease counts from when a write
 * was sent that was answered: none can have been sent later than the moment from which nothing was answered, whatever else
 * is hurt meanwhile, and every connection of a member goes through its gate. So
 * - a lease after that moment, until answers can come again, no handler of those who were hurt starts;
 * - a process that was stopped for longer than a lease has none when it goes on: until it says that it has one again, a
 *   thread may start the one record for which it had looked at the clock before.
 */
export function startsBeyondLease(history: History): Violation[] {
  return [
    ...history.faults.flatMap(fault => startsWithoutAnswers(fault, history)),
    ...history.processes.flatMap(process => startsAfterThaws(process, history)),
  ]
}

/** As DESIGN §4 has it: of the session. */
const LEASE_SHARE = 2 / 3
/** A thread that has looked at the clock may have to wait that long for one of two busy cores before it can write the time. */
const GRAIN_MS = 150
/** Handlers may start before the event that says that they may has been written. */
const EVENT_GRAIN_MS = 20

function startsWithoutAnswers({ kind, target, unanswered }: Fault, history: History): Violation[] {
  if (unanswered === null) return []
  const fromMs = unanswered.fromMs + leaseOf(history) + GRAIN_MS
  const isHurt = (process: string): boolean => kind.startsWith('zookeeper-') || process === target
  return history.handled
    .filter(({ startMs }) => startMs > fromMs && startMs < unanswered.toMs)
    .filter(({ process, startMs }) => isHurt(process) && !isRightAfterThaw(process, startMs, history))
    .map(one => ({
      rule: 'lease',
      message: `${one.process}, ${laneName(one)}: ${one.offset} started ${one.startMs - unanswered.fromMs} ms after ZooKeeper's last answer (${kind})`,
    }))
}

/** It may have looked at the clock before it was stopped; how many may do so is counted below. */
function isRightAfterThaw(process: string, startMs: number, { faults }: History): boolean {
  return faults.some(
    ({ kind, target, toMs }) =>
      kind.startsWith('freeze-') && target === process && startMs >= toMs! && startMs <= toMs! + GRAIN_MS,
  )
}

function startsAfterThaws({ name, sessions }: ProcessHistory, history: History): Violation[] {
  const freezes = history.faults.filter(({ kind, target }) => kind.startsWith('freeze-') && target === name)
  return freezes
    .filter(({ fromMs, toMs }) => toMs! - fromMs > leaseOf(history) + GRAIN_MS)
    .flatMap(({ toMs }) => {
      const restored = sessions.find(({ what, atMs }) => what === 'restored' && atMs >= toMs!)
      const untilMs = (restored?.atMs ?? Infinity) - EVENT_GRAIN_MS
      const started = history.handled.filter(
        ({ process, startMs }) => process === name && startMs >= toMs! && startMs < untilMs,
      )
      return moreThanOnePerThread(started, `after the thaw at ${toMs}, before a new lease`)
    })
}

function moreThanOnePerThread(started: readonly HandledRecord[], when: string): Violation[] {
  return [...groupBy(started, ({ threadId }) => threadId).values()]
    .filter(records => records.length > 1)
    .map(records => ({
      rule: 'lease',
      message: `${records[0]!.process}, thread ${records[0]!.threadId}: ${records.length} records were started ${when}`,
    }))
}

function leaseOf({ settings }: History): number {
  return LEASE_SHARE * settings.sessionMs
}
