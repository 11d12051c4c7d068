import { z } from 'zod'
import { parseHostPort } from '../shared/host-port.ts'
import { parseConnectString } from './addresses.ts'
import { TOPIC_EXPECTED, ZNODE_EXPECTED, chrootFault, isTopicName, isZnodeName } from './names.ts'
import {
  isIsoTime,
  RESET_TARGET_EXPECTED,
  readResetTarget,
  type IsoTime,
  type ResetTarget,
} from './reset-target.ts'

/**
 * The kinds of single values that options consist of. The `error` of each is the text that follows "expected" in the
 * report; the value itself is shown by problems.ts, which knows what is secret.
 */

/** Node.js fires timers beyond this at once; as a Kafka int32 it is the largest too. */
export const MAX_INT32 = 2_147_483_647

export function integer(what: string, min: number, max: number): z.ZodNumber {
  const error = `an integer${what === '' ? '' : ` of ${what}`} from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

export function milliseconds(min = 0, max = MAX_INT32): z.ZodNumber {
  return integer('milliseconds', min, max)
}

export function bytes(min = 1, max = MAX_INT32): z.ZodNumber {
  return integer('bytes', min, max)
}

export function share(): z.ZodNumber {
  const error = 'a number from 0 to 1'
  return z.number({ error }).min(0, { error }).max(1, { error })
}

export function oneOf<const V extends readonly string[]>(values: V, note = ''): z.ZodType<V[number]> {
  const listed = values.map(value => `'${value}'`).join(' or ')
  return z.literal(values, { error: `${listed}${note}` })
}

export function flag(): z.ZodBoolean {
  return z.boolean({ error: 'true or false' })
}

export function text(expected: string): z.ZodString {
  return z.string({ error: expected }).min(1, { error: expected })
}

export function callable<F>(expected: string): z.ZodType<F> {
  return z.custom<F>(value => typeof value === 'function', { error: expected })
}

/** An object that only has to answer calls, such as a logger: checked for its methods, passed on as it is. */
export function withMethods<T extends object>(
  what: string,
  methods: readonly (keyof T & string)[],
): z.ZodType<T> {
  const missing = (value: unknown): string[] =>
    methods.filter(name => typeof (value as Partial<Record<string, unknown>>)[name] !== 'function')
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
  return z.custom<T>(value => isObject(value) && missing(value).length === 0, {
    error: ({ input }) =>
      `${what} with the methods ${methods.join(', ')}${isObject(input) ? ` (missing: ${missing(input).join(', ')})` : ''}`,
  })
}

export function znodeName(): z.ZodString {
  return z.string({ error: ZNODE_EXPECTED }).refine(isZnodeName, { error: ZNODE_EXPECTED })
}

export function topicName(): z.ZodString {
  return z.string({ error: TOPIC_EXPECTED }).refine(isTopicName, { error: TOPIC_EXPECTED })
}

export function resetTarget(): z.ZodType<ResetTarget> {
  return z.custom<ResetTarget>(value => readResetTarget(value) !== null, { error: RESET_TARGET_EXPECTED })
}

export function isoTime(): z.ZodType<IsoTime> {
  const error = 'a time with its zone, such as 2026-01-31T12:00:00Z'
  return z.custom<IsoTime>(value => isIsoTime(value), { error })
}

/** Where a dead letter is in its topic. */
export function letterPosition(): z.ZodType<`${number}:${number}`> {
  const error = 'partition:offset of a dead letter, such as 3:1042'
  return z.custom<`${number}:${number}`>(
    value => typeof value === 'string' && /^\d{1,9}:\d{1,15}$/.test(value),
    { error },
  )
}

export function hostPort(): z.ZodString {
  return faultless('a broker as host:port', value => {
    const parsed = parseHostPort(value)
    return typeof parsed === 'string' ? [parsed] : []
  })
}

export function connectString(expected: string): z.ZodString {
  return faultless(expected, value => parseConnectString(value).faults)
}

export function chroot(): z.ZodString {
  const faultOf = (value: string): string[] => {
    const fault = chrootFault(value)
    return fault === null ? [] : [fault]
  }
  return faultless("a chroot such as '/kafka'", faultOf)
}

/** A string whose own parser says what is wrong with it. */
function faultless(expected: string, faultsOf: (value: string) => readonly string[]): z.ZodString {
  return z.string({ error: expected }).superRefine((value, context) => {
    for (const message of faultsOf(value)) context.addIssue({ code: 'custom', message })
  })
}
