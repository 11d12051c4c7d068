import { pino } from 'pino'

/** What this package logs through: the shape of pino. Payloads of records are never passed to it. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type LogLevel = keyof Logger

/** The default logger: JSON lines on standard error, so that handlers own standard output. */
export function createDefaultLogger(level: LogLevel | 'silent' = 'info'): Logger {
  return pino({ name: 'kafka-worker-group', level }, pino.destination({ fd: 2, sync: true }))
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
