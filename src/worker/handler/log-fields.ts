import { inspect } from 'node:util'
import { isInstance } from '../../shared/errors.ts'
import { toLoggableWire } from '../../shared/loggable-error.ts'

const INSPECT = { depth: 4, maxArrayLength: 20, maxStringLength: 1_000, breakLength: Infinity }
/** In the place of what throws however it is looked at. */
const UNREADABLE = '(cannot be read)'

/**
 * Fields of a log line as data that any port carries. Errors keep their code and causes; everything that is neither
 * plain nor small goes as text: structured clone would fail on a function, and would copy the whole fetched response
 * behind a Buffer that is a view of it. Never throws.
 */
export function toLogFields(fields: unknown): Record<string, unknown> {
  if (typeof fields !== 'object' || fields === null) return {}
  if (isInstance(fields, Error)) return { err: toLoggableWire(fields) }
  return Object.fromEntries(keysOf(fields).map(key => [key, toPlain(read(fields, key))]))
}

/** The message beside such fields. Handlers are JavaScript, so it may be anything; without one it is the error's, as with pino. */
export function toLogMessage(message: unknown, fields: Readonly<Record<string, unknown>>): string {
  if (message !== undefined) return typeof message === 'string' ? message : show(message)
  const error = fields['err'] as { readonly message?: unknown } | null | undefined
  return typeof error?.message === 'string' ? error.message : ''
}

function toPlain(value: unknown): unknown {
  if (isInstance(value, Error)) return toLoggableWire(value)
  if (typeof value === 'object' && value !== null) return asJson(value)
  return typeof value === 'function' || typeof value === 'symbol' ? show(value) : value
}

function asJson(value: object): unknown {
  if (ArrayBuffer.isView(value)) return show(value)
  try {
    return JSON.parse(JSON.stringify(value, shorten)) as unknown
  } catch {
    return show(value) // circular, or its toJSON threw: text tells as much as a log line needs
  }
}

/** `value` is what toJSON made of the member; the member itself tells a Buffer from its list of bytes. */
function shorten(this: unknown, key: string, value: unknown): unknown {
  const member = (this as Record<string, unknown>)[key]
  if (isInstance(member, Error)) return toLoggableWire(member)
  if (ArrayBuffer.isView(member)) return show(member)
  return typeof value === 'bigint' ? value.toString() : value
}

function show(value: unknown): string {
  try {
    return inspect(value, INSPECT)
  } catch {
    return UNREADABLE // it shows itself by code of its own, which threw
  }
}

function keysOf(fields: object): string[] {
  try {
    return Object.keys(fields)
  } catch {
    return [] // a proxy that does not tell its keys: the message alone is logged
  }
}

function read(fields: object, key: string): unknown {
  try {
    return (fields as Record<string, unknown>)[key]
  } catch (error) {
    return error // a getter of the user's object threw; that is what the line then says
  }
}
