import { THIS_PROCESS } from '../progress/open-claim.ts'
import type { MemberDescription } from '../storage/group-storage.ts'
import { preview } from '../storage/zookeeper/formats.ts'
import { parseTopicPattern, type Subscription } from './subscription.ts'

/** Version of our own field in the id node, raised when its meaning changes. */
const OUR_FORMAT = 1

/** More threads per topic than anybody has; dividing by threads lists each of them. */
const MAX_THREADS = 10_000

/** What the data of `ids/<memberId>` says about the program that wrote it. */
export type IdNode =
  /** A member of this package. */
  | { readonly kind: 'ours'; readonly subscription: Subscription }
  /** A member of this package, in a format that this version does not know. */
  | { readonly kind: 'unknown-format'; readonly formatVersion: number }
  /** A classic Scala consumer, or one that writes as they do. `version` is theirs; nobody has ever looked at it. */
  | { readonly kind: 'classic'; readonly version: unknown; readonly subscription: Subscription }
  /** The Go original: no data at all. */
  | { readonly kind: 'original' }
  | { readonly kind: 'unreadable'; readonly reason: string }

/**
 * Data of `ids/<memberId>`: the JSON of the classic Scala consumer, field for field, plus `kwg`, which tells our
 * members from others, and one process from another under the same id, and which classic tools skip. The timestamp is a string of milliseconds there.
 */
export function encodeIdNode(member: MemberDescription, wallMs: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      version: 1,
      subscription: member.subscription,
      pattern: 'static',
      timestamp: String(Math.floor(wallMs)),
      kwg: { version: OUR_FORMAT, process: THIS_PROCESS },
    }),
  )
}

/** What the process of a member calls itself in the progress of its claims; null where the node does not tell. */
export function processOf(data: Buffer): string | null {
  const ours = parseObject(data.toString('utf8'))?.['kwg']
  const process = isObject(ours) ? ours['process'] : null
  return typeof process === 'string' ? process : null
}

/** Reads the data of any member's id node. Never throws: what cannot be read is `unreadable`, with the reason. */
export function parseIdNode(data: Buffer): IdNode {
  if (data.length === 0) return { kind: 'original' }
  const text = data.toString('utf8')
  const fields = parseObject(text)
  if (fields === null) return unreadable(`${preview(text)} is no JSON object`)
  if (!Object.hasOwn(fields, 'kwg')) {
    const subscription = parseSubscription(fields)
    if (typeof subscription === 'string') return unreadable(subscription)
    return { kind: 'classic', version: fields['version'] ?? null, subscription }
  }
  return parseOurs(fields)
}

function parseOurs(fields: Readonly<Record<string, unknown>>): IdNode {
  const formatVersion = isObject(fields['kwg']) ? fields['kwg']['version'] : undefined
  if (!isPositiveInteger(formatVersion))
    return unreadable(`kwg is ${show(fields['kwg'])}, without a version that is a number`)
  if (formatVersion !== OUR_FORMAT) return { kind: 'unknown-format', formatVersion }
  const subscription = parseSubscription(fields)
  return typeof subscription === 'string' ? unreadable(subscription) : { kind: 'ours', subscription }
}

/** As the classic consumer reads it: a pattern that is neither list means names. Answers what is wrong otherwise. */
function parseSubscription(fields: Readonly<Record<string, unknown>>): Subscription | string {
  const { pattern, subscription } = fields
  if (typeof pattern !== 'string') return `pattern is ${show(pattern)}, no text`
  if (!isObject(subscription)) return `subscription is ${show(subscription)}, no object`
  const topics = new Map<string, number>()
  for (const [name, threads] of Object.entries(subscription)) {
    if (!isPositiveInteger(threads) || threads > MAX_THREADS)
      return `${preview(name)} has ${show(threads)} threads, not a number from 1 to ${MAX_THREADS}`
    topics.set(name, threads)
  }
  if (topics.size === 0 || (pattern !== 'white_list' && pattern !== 'black_list'))
    return { pattern: 'static', topics }
  return parsePatternSubscription(pattern, topics)
}

function parsePatternSubscription(
  pattern: 'white_list' | 'black_list',
  topics: ReadonlyMap<string, number>,
): Subscription | string {
  if (topics.size > 1) return `${pattern} has ${topics.size} patterns, not one`
  const [[text, threads]] = topics as Iterable<[string, number]> as [[string, number]]
  const regex = parseTopicPattern(text)
  if (regex === null) return `the pattern ${preview(text)} cannot be evaluated here`
  return { pattern, text, regex, threads }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null // told by the caller, like any other text that is no JSON object
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isPositiveInteger(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

/** Lists and objects only by what they are: writing one out may take a stack that reading it did not. */
function show(value: unknown): string {
  if (typeof value === 'string') return preview(value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (value === undefined) return 'missing'
  return Array.isArray(value) ? 'a list' : 'an object'
}

function unreadable(reason: string): IdNode {
  return { kind: 'unreadable', reason }
}
