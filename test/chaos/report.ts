import type { ChaosResult } from './chaos-run.ts'
import { repeatsIn } from './judge/repeats.ts'
import { groupBy } from './judge/sessions.ts'

const SHOWN_PER_RULE = 4

/** The figures of a run, a few lines. */
export function summaryOf({ history }: ChaosResult): string[] {
  const { log, handled, claims, commits, faults, stalls, processes, wholeAfterMs } = history
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort()
  const counts = kinds.map(kind => `${kind} ${faults.filter(fault => fault.kind === kind).length}`)
  const sessionEnds = new Set(claims.filter(({ to }) => to?.how === 'session-end').map(one => one.sessionId))
  const codes = new Map<string, number>()
  for (const { code } of processes.flatMap(({ errors }) => errors))
    codes.set(code, (codes.get(code) ?? 0) + 1)
  return [
    `faults: ${faults.length} (${counts.join(', ')})`,
    `records: ${log.reduce((sum, keys) => sum + keys.length, 0)} in the log, ${handled.length} handler calls, ${repeatsIn(history).length} repeats`,
    `claims: ${claims.length}, sessions with claims that ended without a release: ${sessionEnds.size}, commits: ${commits.length}`,
    `processes: ${processes.length}; error events: ${[...codes].map(([code, count]) => `${code} ${count}`).join(', ') || 'none'}`,
    `the machine stood still ${stalls.length} times, ${stalls.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)} ms in all`,
    `whole ${wholeAfterMs === null ? 'never' : `${wholeAfterMs} ms`} after the last fault`,
  ]
}

/** What a failed run has to tell: what was wrong, how to see it again, and where everything is. */
export function failureOf(
  { violations }: ChaosResult,
  { command, directory }: { readonly command: string; readonly directory: string },
): string {
  const shown = [...groupBy(violations, ({ rule }) => rule)].flatMap(([rule, ofRule]) => [
    `  ${rule}: ${ofRule.length}`,
    ...ofRule.slice(0, SHOWN_PER_RULE).map(({ message }) => `    ${message}`),
  ])
  return [
    `${violations.length} violations, the first of each rule:`,
    ...shown,
    `again: ${command}`,
    `kept: ${directory}`,
  ].join('\n')
}
