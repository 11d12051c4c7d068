import type { History, ProcessHistory, Violation } from '../history.ts'
import { processOf } from './sessions.ts'
import { troublesOf, troubleThatEnded } from './trouble.ts'

const EXIT_SLACK_MS = 2_000

/** Members live until they are told to go, go cleanly and in time, and keep their sessions unless a fault costs them one. */
export function badMembers(history: History): Violation[] {
  return [
    ...history.processes.flatMap(process => badExit(process, history)),
    ...history.processes.flatMap(failed),
    ...lostSessions(history),
    ...notWhole(history),
  ]
}

function badExit({ name, told, exit }: ProcessHistory, { settings }: History): Violation[] {
  const bad = (message: string): Violation[] => [{ rule: 'members', message: `${name} ${message}` }]
  if (exit === null) return bad('was still running at the end')
  if (told === null) return bad(`ended by itself with ${exit.with}`)
  if (told.what === 'kill') return []
  if (exit.with !== 0) return bad(`was told to leave and exited with ${exit.with}`)
  const tookMs = exit.atMs - told.atMs
  return tookMs > settings.stopTimeoutMs + EXIT_SLACK_MS ? bad(`took ${tookMs} ms to leave`) : []
}

function failed({ name, failedWith }: ProcessHistory): Violation[] {
  return failedWith === null ? [] : [{ rule: 'members', message: `${name} failed with ${failedWith}` }]
}

/** One per session, however many claims it had. */
function lostSessions(history: History): Violation[] {
  const ended = new Map(
    history.claims.filter(({ to }) => to?.how === 'session-end').map(one => [one.sessionId, one]),
  )
  return [...ended.values()].flatMap(claim => {
    const process = processOf(claim, history)
    const beganMs = troubleThatEnded(troublesOf(process, history), claim.to!.atMs, history.settings)
    if (beganMs !== null) return []
    const message = `${process.name} lost its session ${claim.sessionId} at ${claim.to!.atMs}, and no fault explains that`
    return [{ rule: 'sessions', message }]
  })
}

function notWhole({ wholeAfterMs }: History): Violation[] {
  if (wholeAfterMs !== null) return []
  return [
    {
      rule: 'whole at the end',
      message: 'not every partition was owned and without lag in time after the last fault',
    },
  ]
}
