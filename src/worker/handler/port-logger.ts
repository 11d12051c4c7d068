import type { Logger, LogLevel } from '../../shared/logger.ts'
import type { WorkerMessage } from '../../shared/protocol.ts'
import { toLogFields } from './log-fields.ts'

/** A logger whose lines are written by the coordinator: the user's logger object cannot cross threads. Never throws. */
export function createPortLogger(post: (message: WorkerMessage) => void): Logger {
  const log =
    (level: LogLevel) =>
    (fields: object, message: string): void => {
      // pino also takes the message alone, and handlers are written for it.
      if (typeof fields === 'string') post({ type: 'log', level, fields: {}, message: fields })
      else post({ type: 'log', level, fields: toLogFields(fields), message })
    }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}
