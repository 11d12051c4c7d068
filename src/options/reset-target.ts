import type { Offset } from '../shared/types.ts'

/** A time with its zone, such as `2026-01-31T12:00:00Z` or `2026-01-31T13:00+01:00`. */
export type IsoTime = `${number}-${number}-${number}T${string}`

/** Where a group is to start: an end of the log, an offset, or the first record at or after a time. */
export type ResetTarget = 'earliest' | 'latest' | number | bigint | Date | IsoTime

/** The same, read. */
export type ResolvedResetTarget =
  'earliest' | 'latest' | { readonly offset: Offset } | { readonly timestampMs: number }

export const RESET_TARGET_EXPECTED =
  "'earliest', 'latest', an offset from 0 on, or a time from 1970 on with its zone, such as 2026-01-31T12:00:00Z"

const ISO_TIME = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/

/**
 * What a target means; null if it is none. A time without a zone is none: to guess would put a group hours off, and
 * nobody would notice. Neither is one before 1970: to Kafka -1 and -2 are no times.
 */
export function readResetTarget(given: unknown): ResolvedResetTarget | null {
  if (given === 'earliest' || given === 'latest') return given
  if (typeof given === 'number' || typeof given === 'bigint') return atOffset(Number(given))
  if (given instanceof Date) return atTime(given.getTime())
  return isIsoTime(given) ? atTime(Date.parse(given)) : null
}

function atOffset(offset: number): ResolvedResetTarget | null {
  return Number.isSafeInteger(offset) && offset >= 0 ? { offset } : null
}

function atTime(timestampMs: number): ResolvedResetTarget | null {
  return timestampMs >= 0 ? { timestampMs } : null
}

/** Also a day that there is: the 30th of February would be read as one of March. */
export function isIsoTime(given: unknown): given is IsoTime {
  const day = typeof given === 'string' ? ISO_TIME.exec(given)?.[1] : undefined
  if (day === undefined) return false
  const midnight = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day)
}
