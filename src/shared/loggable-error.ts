import { fromWire, toWire } from './error-wire.ts'

/** A copy for a logger: what loggers read of errors are plain fields of it, and no getter or trap of whoever threw. */
export function toLoggable(thrown: unknown): Error {
  return fromWire(toWire(thrown))
}
