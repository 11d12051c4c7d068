import type { Logger, LogLevel } from '../../shared/logger.ts'
import type { WorkerMessage } from '../../shared/protocol.ts'
import { toLogFields, toLogMessage } from './log-fields.ts'

/** A logger whose lines are written by the coordinator: the user's logger object cannot cross threads. Never throws. */
export function createPortLogger(post: (message: WorkerMessage) => void): Logger {
  const log =
    (level: LogLevel) =>
    (fields: object, message: string): void => {
      // pino also takes the message alone, and handlers are written for it.
      const isAlone = typeof fields === 'string'
      const sent = isAlone ? {} : toLogFields(fields)
      post({ type: 'log', level, fields: sent, message: toLogMessage(isAlone ? fields : message, sent) })
    }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}
