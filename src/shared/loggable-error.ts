import { fromWire, toWire, type ErrorWire } from './error-wire.ts'

const LEFT_OUT = '(left out of logs, for it may quote the payload; the error event has it)'

/** A copy for a logger: what loggers read of errors are plain fields of it, and no getter or trap of whoever threw. */
export function toLoggable(thrown: unknown): Error {
  return fromWire(toLoggableWire(thrown))
}

/** The same as plain data, for a logger on another thread. */
export function toLoggableWire(thrown: unknown): ErrorWire {
  return withoutRepeats(withoutDecoderWords(toWire(thrown)))
}

/** What made a value undecodable keeps its name only. Our own error says before it what can be told without the payload. */
function withoutDecoderWords(wire: ErrorWire): ErrorWire {
  const { name, code, cause } = wire
  if (cause === undefined) return wire
  const isDecodeFailure = name === 'GroupError' && code === 'DECODE_FAILED'
  return { ...wire, cause: isDecodeFailure ? silenced(cause) : withoutDecoderWords(cause) }
}

/** The first line of a stack is the message, however many lines that has: it goes too. */
function silenced({ name }: ErrorWire): ErrorWire {
  return { name, message: LEFT_OUT, stack: `${name}: ${LEFT_OUT}` }
}

/**
 * Loggers put the messages of causes behind that of an error. Where it has that already, the cause is left in the
 * stack only, as they show it there.
 */
function withoutRepeats(wire: ErrorWire): ErrorWire {
  const { cause: given, ...rest } = wire
  if (given === undefined) return wire
  const cause = withoutRepeats(given)
  if (!wire.message.includes(`: ${cause.message}`)) return { ...rest, cause }
  const { stack, cause: next } = cause
  return {
    ...rest,
    stack: `${wire.stack}\ncaused by: ${stack}`,
    ...(next === undefined ? {} : { cause: next }),
  }
}
