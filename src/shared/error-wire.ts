import {
  ERROR_CODES,
  fieldOf,
  GroupError,
  isGroupError,
  messageOf,
  toError,
  type ErrorCode,
  type ErrorDetails,
} from './errors.ts'

/** An error as plain data: structured clone and Comlink both drop `code`, and Comlink drops `cause` too. */
export interface ErrorWire {
  readonly name: string
  readonly message: string
  readonly stack: string
  readonly code?: string
  readonly details?: ErrorDetails
  readonly cause?: ErrorWire
}

const MAX_CAUSES = 8

/** Any thrown value as plain data. Never throws, whatever the value's getters do; circular causes are cut. */
export function toWire(thrown: unknown, above: readonly unknown[] = []): ErrorWire {
  const error = toError(thrown)
  const cause = fieldOf(error, 'cause')
  const code = fieldOf(error, 'code')
  const chain = [...above, error]
  const isCauseTold = cause !== undefined && chain.length <= MAX_CAUSES && !chain.includes(cause)
  return {
    name: text(fieldOf(error, 'name'), 'Error'),
    message: messageOf(error),
    stack: text(fieldOf(error, 'stack'), ''),
    ...(typeof code === 'string' ? { code } : {}),
    ...(isGroupError(error) ? { details: plain(fieldOf(error, 'details')) } : {}),
    ...(isCauseTold ? { cause: toWire(cause, chain) } : {}),
  }
}

/** Back to an error with the same name, message, code, details, stack and causes. */
export function fromWire(wire: ErrorWire): Error {
  const cause = wire.cause === undefined ? undefined : fromWire(wire.cause)
  const error = isOurCode(wire) ? groupError(wire, wire.code, cause) : foreignError(wire, cause)
  if (wire.stack !== '') error.stack = wire.stack
  return error
}

function isOurCode(wire: ErrorWire): wire is ErrorWire & { code: ErrorCode } {
  return wire.name === 'GroupError' && wire.code !== undefined && Object.hasOwn(ERROR_CODES, wire.code)
}

function groupError(wire: ErrorWire, code: ErrorCode, cause: Error | undefined): GroupError {
  return new GroupError(code, wire.message, { details: wire.details ?? {}, cause })
}

function foreignError(wire: ErrorWire, cause: Error | undefined): Error {
  const error = new Error(wire.message, cause === undefined ? undefined : { cause })
  error.name = wire.name
  if (wire.code !== undefined) Object.assign(error, { code: wire.code })
  return error
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}

/** Details survive structured clone only as plain data; bigint does too. */
function plain(details: unknown): ErrorDetails {
  return Object.fromEntries(
    entriesOf(details).filter(([, value]) =>
      ['string', 'number', 'boolean', 'bigint'].includes(typeof value),
    ),
  )
}

function entriesOf(details: unknown): [string, unknown][] {
  try {
    return Object.entries(details as object)
  } catch {
    return [] // somebody put details of their own into our error, and they cannot be read
  }
}
