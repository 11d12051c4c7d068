import type { Fault, History, Violation } from '../history.ts'
import { TAKES_CLAIMS } from '../schedule.ts'
import { processOf } from './sessions.ts'

/** What a session may need to end on a busy machine, after the fault that ends it. */
const SESSION_END_WITHIN_MS = 1_000

/** A run whose faults did not happen proves nothing. */
export function faultsThatDidNotFire(history: History): Violation[] {
  const { faults, settings } = history
  const unseen = faults
    .filter(({ evidence }) => evidence === null)
    .map(({ step, kind, target }) => `step ${step}, ${kind} of ${target}, left no trace`)
  const fired = new Set(faults.map(({ kind }) => kind))
  const missing = settings.kinds.filter(kind => !fired.has(kind)).map(kind => `${kind} was never carried out`)
  const harmless = [...TAKES_CLAIMS]
    .filter(
      kind => fired.has(kind) && !faults.some(fault => fault.kind === kind && tookClaims(fault, history)),
    )
    .map(kind => `no ${kind} took a claim from a living member`)
  return [...unseen, ...missing, ...harmless].map(message => ({ rule: 'faults', message }))
}

/** By ZooKeeper's log: a claim of the process that was hurt went with its session, while the process lived. */
function tookClaims({ target, fromMs, toMs }: Fault, history: History): boolean {
  return history.claims.some(claim => {
    if (claim.to?.how !== 'session-end') return false
    const { atMs } = claim.to
    const { name, exit } = processOf(claim, history)
    const isDuring = atMs >= fromMs && atMs <= toMs! + SESSION_END_WITHIN_MS
    return name === target && isDuring && (exit === null || exit.atMs > atMs)
  })
}
