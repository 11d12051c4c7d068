import { inspect } from 'node:util'
import { toWire } from '../../shared/error-wire.ts'

const INSPECT = { depth: 4, maxArrayLength: 20, maxStringLength: 1_000, breakLength: Infinity }

/**
 * Fields of a log line as data that any port carries. Errors keep their code and causes; everything that is neither
 * plain nor small goes as text: structured clone would fail on a function, and would copy the whole fetched response
 * behind a Buffer that is a view of it.
 */
export function toLogFields(fields: unknown): Record<string, unknown> {
  if (typeof fields !== 'object' || fields === null) return {}
  if (fields instanceof Error) return { err: toWire(fields) }
  return Object.fromEntries(Object.keys(fields).map(key => [key, toPlain(read(fields, key))]))
}

function toPlain(value: unknown): unknown {
  if (value instanceof Error) return toWire(value)
  if (typeof value === 'object' && value !== null) return asJson(value)
  return typeof value === 'function' || typeof value === 'symbol' ? inspect(value) : value
}

function asJson(value: object): unknown {
  if (ArrayBuffer.isView(value)) return inspect(value, INSPECT)
  try {
    return JSON.parse(JSON.stringify(value, shorten)) as unknown
  } catch {
    return inspect(value, INSPECT) // circular, or its toJSON threw: text tells as much as a log line needs
  }
}

/** `value` is what toJSON made of the member; the member itself tells a Buffer from its list of bytes. */
function shorten(this: unknown, key: string, value: unknown): unknown {
  const member = (this as Record<string, unknown>)[key]
  if (member instanceof Error) return toWire(member)
  if (ArrayBuffer.isView(member)) return inspect(member, INSPECT)
  return typeof value === 'bigint' ? value.toString() : value
}

function read(fields: object, key: string): unknown {
  try {
    return (fields as Record<string, unknown>)[key]
  } catch (error) {
    return error // a getter of the user's object threw; that is what the line then says
  }
}
