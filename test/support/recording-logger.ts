import type { Logger, LogLevel } from '#src/shared/logger.js'

export interface LogLine {
  readonly level: LogLevel
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A logger that keeps what it is told. */
export class RecordingLogger implements Logger {
  readonly lines: LogLine[] = []
  readonly debug = this.#keep('debug')
  readonly info = this.#keep('info')
  readonly warn = this.#keep('warn')
  readonly error = this.#keep('error')

  /** The lines of this level. */
  at(level: LogLevel): LogLine[] {
    return this.lines.filter(line => line.level === level)
  }

  #keep(level: LogLevel): (fields: object, message: string) => void {
    return (fields, message) => this.lines.push({ level, fields: { ...fields }, message })
  }
}
