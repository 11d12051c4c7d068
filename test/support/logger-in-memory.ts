import { pino } from 'pino'
import type { Logger } from '#src/shared/logger.js'

/** pino's number of this level. */
export const LEVEL = { warn: 40, error: 50 } as const

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly err: { readonly message: string; readonly stack: string; readonly code?: string }
}

/** The logger that users have by default, but for where its lines go. */
export function loggerInMemory(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as LogLine) })
  return { logger, lines }
}
