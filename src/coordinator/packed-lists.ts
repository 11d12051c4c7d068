import { Packr } from 'msgpackr'

/**
 * What members store for each other in MessagePack: lists and plain values only, no records and no references, so that
 * every item of what is read can be checked. The checks throw an Error that says what is wrong with which item.
 */
const packr = new Packr({ useRecords: false, structuredClone: false })

export function pack(content: readonly unknown[]): Buffer {
  return packr.pack(content)
}

/** Throws for bytes that are no MessagePack. */
export function unpack(data: Buffer): unknown {
  return packr.unpack(data)
}

export function listOf(value: unknown, what: string, length?: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what}: no list`)
  if (length !== undefined && value.length !== length)
    throw new Error(`${what}: ${value.length} items, not ${length}`)
  return value
}

export function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${what}: no text`)
  return value
}

export function wholeNumber(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw new Error(`${what}: not a whole number from 0 up`)
  return value as number
}

export function truth(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw new Error(`${what}: neither true nor false`)
  return value
}

export function knownText<const T extends readonly string[]>(
  value: unknown,
  known: T,
  what: string,
): T[number] {
  const found = known.find(one => one === value)
  if (found === undefined) throw new Error(`${what}: none that is known`)
  return found
}

export function bytesOf(value: unknown, what: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Error(`${what}: no bytes`)
  return value
}
