import { runInNewContext } from 'node:vm'

/** What a member announces to read: topics by name, or (classic consumers only) those that match a pattern. */
export type Subscription =
  | {
      readonly pattern: 'static'
      /** Topic to number of threads, at least one. */
      readonly topics: ReadonlyMap<string, number>
    }
  | {
      readonly pattern: 'white_list' | 'black_list'
      /** What the consumer was given, in the syntax of Java. */
      readonly text: string
      /** Matches whole names of the topics in the list. */
      readonly regex: RegExp
      /** Threads for each topic that is read. */
      readonly threads: number
    }

/** Classic consumers leave these out of patterns, unless `exclude.internal.topics` is off; their id nodes do not tell. */
const INTERNAL_TOPICS = new Set(['__consumer_offsets', '__transaction_state'])

/** A pattern that somebody else made up may take practically for ever, and this thread keeps the session. Wall time, also of a busy machine. */
const MATCHING_MAY_TAKE_MS = 500

/** Without repetition the work is bounded by the length of the pattern. */
const REPEATS = /[*+?{]/

/**
 * The pattern of a classic consumer as an expression of ours; null if it uses syntax of Java that has no counterpart
 * here. Commas and quotes are treated as the consumer treats them. The flag refuses every escape and class that the two
 * languages read differently, as far as names of topics (letters, digits, `.`, `_`, `-`) can tell them apart.
 */
export function parseTopicPattern(text: string): RegExp | null {
  const java = text
    .trim()
    .replaceAll(',', '|')
    .replaceAll(' ', '')
    .replace(/^["']+/, '')
    .replace(/["']+$/, '')
  if (java.includes('&&')) return null // an intersection there, two characters here
  try {
    return new RegExp(`^(?:${java.replaceAll(/\\(.)/gsu, translateEscape)})$`, 'u')
  } catch {
    return null // told by the caller, who knows whose pattern it is
  }
}

/** Java lets every character but letters and digits be escaped, the flag only those that mean something. */
function translateEscape(escape: string, character: string): string {
  return /[0-9A-Za-z^$\\.*+?()[\]{}|/]/.test(character)
    ? escape
    : `\\u{${character.codePointAt(0)!.toString(16)}}`
}

/** Threads per topic, as far as these topics go; null if the pattern cannot be matched in reasonable time. */
export function threadsPerTopic(
  subscription: Subscription,
  topics: readonly string[],
): ReadonlyMap<string, number> | null {
  if (subscription.pattern === 'static') return subscription.topics
  const matching = matchingTopics(subscription.regex, topics)
  if (matching === null) return null
  const isListed = subscription.pattern === 'white_list'
  const read = topics.filter(topic => matching.has(topic) === isListed && !INTERNAL_TOPICS.has(topic))
  return new Map(read.map(topic => [topic, subscription.threads]))
}

function matchingTopics(regex: RegExp, topics: readonly string[]): ReadonlySet<string> | null {
  if (!REPEATS.test(regex.source)) return new Set(topics.filter(topic => regex.test(topic)))
  try {
    const expression = 'topics.filter(topic => regex.test(topic))'
    const matching: unknown = runInNewContext(
      expression,
      { topics, regex },
      { timeout: MATCHING_MAY_TAKE_MS },
    )
    return new Set(matching as string[])
  } catch {
    return null // out of time, or too large to be compiled: told by the caller
  }
}
