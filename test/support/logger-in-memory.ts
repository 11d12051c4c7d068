import { pino } from 'pino'
import type { Logger } from '#src/shared/logger.js'

interface LogLine {
  readonly msg: string
  readonly err: { readonly message: string; readonly stack: string; readonly code?: string }
}

/** The logger that users have by default, but for where its lines go. */
export function loggerInMemory(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line) as LogLine) })
  return { logger, lines }
}
