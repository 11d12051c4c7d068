import type { History, Violation } from '../history.ts'

/** A run whose faults did not happen proves nothing. */
export function faultsThatDidNotFire({ faults, settings }: History): Violation[] {
  const unseen = faults
    .filter(({ evidence }) => evidence === null)
    .map(({ step, kind, target }) => `step ${step}, ${kind} of ${target}, left no trace`)
  const fired = new Set(faults.map(({ kind }) => kind))
  const missing = settings.kinds.filter(kind => !fired.has(kind)).map(kind => `${kind} was never carried out`)
  return [...unseen, ...missing].map(message => ({ rule: 'faults', message }))
}
