import type { History, Violation } from '../history.ts'

/** Of the time of a run, the most that may be lost to a machine that has other things to do. */
const MAX_STALLED = 0.05

/** Otherwise a busy machine would explain everything. */
export function stoodStill({ stalls, processes }: History): Violation[] {
  const fromMs = Math.min(...processes.map(({ startedMs }) => startedMs))
  const toMs = Math.max(...processes.map(({ startedMs, exit }) => exit?.atMs ?? startedMs))
  const stalledMs = stalls.reduce((sum, stall) => sum + stall.toMs - stall.fromMs, 0)
  if (stalledMs <= MAX_STALLED * (toMs - fromMs)) return []
  const message = `the machine was too busy to judge by: it stood still for ${stalledMs} of ${toMs - fromMs} ms; run it again`
  return [{ rule: 'machine', message }]
}
