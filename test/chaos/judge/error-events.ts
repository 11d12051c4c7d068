import type { History, Violation } from '../history.ts'
import type { FaultKind } from '../schedule.ts'

const LOSES_ZOOKEEPER: readonly FaultKind[] = [
  'freeze-short',
  'freeze-long',
  'zookeeper-freeze-short',
  'zookeeper-freeze-long',
  'zookeeper-stop',
  'cut-zookeeper-short',
  'cut-zookeeper-long',
  'slow-zookeeper',
]
const LOSES_BROKERS: readonly FaultKind[] = [
  'freeze-short',
  'freeze-long',
  'broker-stop',
  'broker-kill',
  'cut-brokers',
  'slow-brokers',
]
/** A claim waits for a session that is still to end. */
const LEAVES_A_SESSION: readonly FaultKind[] = ['kill', 'restart', ...LOSES_ZOOKEEPER]

/** Codes that a member may tell, and the faults of which one must have been there. Any other is a defect. */
const EXPLAINED: ReadonlyMap<string, readonly FaultKind[]> = new Map([
  ['ZOOKEEPER_DISCONNECTED', LOSES_ZOOKEEPER],
  ['ZOOKEEPER_UNREACHABLE', LOSES_ZOOKEEPER],
  ['LEASE_OVER', LOSES_ZOOKEEPER],
  ['SESSION_EXPIRED', LOSES_ZOOKEEPER],
  ['CLAIM_REFUSED', LEAVES_A_SESSION],
  ['EVENT_LOOP_BLOCKED', ['freeze-short', 'freeze-long']],
  ['BROKERS_UNREACHABLE', LOSES_BROKERS],
  ['BROKER_DISCONNECTED', LOSES_BROKERS],
  ['BROKER_REFUSED', LOSES_BROKERS],
])

export function unexplainedErrors({ processes, faults, stalls }: History): Violation[] {
  const isExplained = (code: string): boolean =>
    (code === 'EVENT_LOOP_BLOCKED' && stalls.length > 0) ||
    faults.some(({ kind }) => EXPLAINED.get(code)?.includes(kind))
  return processes.flatMap(({ name, errors }) =>
    errors
      .filter(({ code }) => !isExplained(code))
      .map(({ code, message }) => ({ rule: 'errors', message: `${name} told ${code}: ${message}` })),
  )
}
