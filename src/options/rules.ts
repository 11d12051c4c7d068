import { parseConnectString } from './addresses.ts'
import { DEFAULTS } from './defaults.ts'
import { MAX_INT32 } from './leaves.ts'
import type { OptionProblem } from './problems.ts'
import { FAILURE_RULES } from './failure-rules.ts'
import { ORDERING_RULES } from './ordering-rules.ts'
import { problem, type Rule } from './rule.ts'
import type {
  ClaimOptions,
  FetchOptions,
  KafkaOptions,
  ResolvedClaimOptions,
  RunGroupOptions,
} from './types.ts'

const CONNECTION_RULES: readonly Rule[] = [
  { reads: [], check: exactlyOneStorage },
  { reads: ['zookeeper.servers', 'zookeeper.chroot'], check: chrootOnce },
]

const BROKER_RULES: readonly Rule[] = [
  { reads: [], check: brokersOrWhoKnowsThem },
  { reads: ['zookeeper.servers', 'zookeeper.chroot'], check: chrootOnce },
]

const RULES: readonly Rule[] = [
  ...CONNECTION_RULES,
  { reads: ['topics'], check: topicsOnce },
  { reads: ['fetch.maxBufferedBytes', 'fetch.maxBytesPerPartition'], check: bufferHoldsOneAnswer },
  { reads: ['fetch.minBytes', 'fetch.maxBytesPerPartition'], check: answerCanReachMinimum },
  { reads: ['fetch.maxWaitMs', 'kafka.requestTimeoutMs'], check: longPollEndsBeforeItsTimeout },
  { reads: ['fetch.maxWaitMs', 'kafka.requestTimeoutMs'], check: fetchFitsTimer },
  { reads: ['claim.retries', 'claim.retryIntervalMs'], check: refusalFitsTimer },
  ...FAILURE_RULES,
  ...ORDERING_RULES,
]

/** Problems between options; `found` are those of single options. */
export type RuleCheck = (given: unknown, found: readonly OptionProblem[]) => OptionProblem[]

export const brokenRules: RuleCheck = (given, found) => broken(RULES, given, found)

/** The rules for options that only connect. */
export const brokenConnectionRules: RuleCheck = (given, found) => broken(CONNECTION_RULES, given, found)

/** The rules for options that only connect, and may do so without a group. */
export const brokenBrokerRules: RuleCheck = (given, found) => broken(BROKER_RULES, given, found)

function broken(rules: readonly Rule[], given: unknown, found: readonly OptionProblem[]): OptionProblem[] {
  if (typeof given !== 'object' || given === null) return []
  const isValid = (path: string): boolean => !found.some(problem => concerns(problem.path, path))
  const ready = rules.filter(rule => rule.reads.every(isValid))
  return ready.flatMap(rule => rule.check(given as RunGroupOptions))
}

/** Where members, claims and offsets are kept must be clear, and there is no default for it. */
function exactlyOneStorage({ zookeeper, storage }: RunGroupOptions): OptionProblem[] {
  if (zookeeper === undefined && storage === undefined) {
    return [problem('zookeeper', undefined, "'host:port,host:port/chroot', or `storage` instead")]
  }
  if (zookeeper === undefined || storage === undefined) return []
  return [problem('storage', storage, 'nothing, because `zookeeper` is given: exactly one of the two')]
}

function brokersOrWhoKnowsThem({ zookeeper, kafka }: RunGroupOptions): OptionProblem[] {
  if (zookeeper !== undefined || kafka?.brokers !== undefined) return []
  return [problem('kafka.brokers', undefined, "a list of 'host:port', or `zookeeper`, which lists them")]
}

/** A topic given twice is a mistake somewhere; which of the two was meant is not ours to guess. */
function topicsOnce({ topics }: { readonly topics: readonly unknown[] }): OptionProblem[] {
  return topics.flatMap((topic, index) => {
    const first = topics.indexOf(topic)
    if (typeof topic !== 'string' || first === index) return []
    return [problem(`topics[${index}]`, topic, `a topic not yet given (topics[${first}])`)]
  })
}

function chrootOnce({ zookeeper }: RunGroupOptions): OptionProblem[] {
  if (typeof zookeeper !== 'object' || zookeeper.chroot === undefined) return []
  const inServers = parseConnectString(zookeeper.servers).chroot
  if (inServers === '') return []
  return [problem('zookeeper.chroot', zookeeper.chroot, `nothing, because servers ends with ${inServers}`)]
}

/** Otherwise a full answer for one partition would never fit, and nothing could be fetched within the budget. */
function bufferHoldsOneAnswer({ fetch }: RunGroupOptions): OptionProblem[] {
  return atMost(limit('maxBytesPerPartition', fetch), limit('maxBufferedBytes', fetch))
}

/** Otherwise a partition alone on its broker could never fill an answer, and each one would take fetch.maxWaitMs. */
function answerCanReachMinimum({ fetch }: RunGroupOptions): OptionProblem[] {
  return atMost(limit('minBytes', fetch), limit('maxBytesPerPartition', fetch))
}

/** Otherwise every long poll on an idle partition would count as a broker that does not answer. */
function longPollEndsBeforeItsTimeout({ fetch, kafka }: RunGroupOptions): OptionProblem[] {
  const wait = limit('maxWaitMs', fetch)
  const timeout = requestTimeout(kafka)
  return wait.value < timeout.value ? [] : tooLarge(wait, timeout, 'less', 'more')
}

/** A fetch may take both times together. With the default timeout they fit, unless the rule above is broken too. */
function fetchFitsTimer({ fetch, kafka }: RunGroupOptions): OptionProblem[] {
  const wait = limit('maxWaitMs', fetch)
  const timeout = requestTimeout(kafka)
  return timeout.given === undefined ? [] : fitsTimer(timeout, wait, MAX_INT32 - wait.value)
}

/** A claim is reported as refused after this many intervals. */
function refusalFitsTimer({ claim }: RunGroupOptions): OptionProblem[] {
  const retries = claimLimit('retries', claim)
  const interval = claimLimit('retryIntervalMs', claim)
  return retries.given === undefined
    ? fitsTimer(interval, retries, Math.floor(MAX_INT32 / retries.value))
    : fitsTimer(retries, interval, Math.floor(MAX_INT32 / interval.value))
}

function fitsTimer(of: Limit, other: Limit, max: number): OptionProblem[] {
  if (of.value <= max) return []
  const reason = `with ${other.path} (${other.value}${byDefault(other)}): no timer lasts longer`
  return [problem(of.path, of.given, `not more than ${max} ${reason}`)]
}

interface Limit {
  readonly path: string
  readonly given: number | undefined
  /** As given, else the default. */
  readonly value: number
}

type FetchNumber = 'maxBytesPerPartition' | 'maxBufferedBytes' | 'minBytes' | 'maxWaitMs'

function limit(name: FetchNumber, fetch: FetchOptions | undefined): Limit {
  const given = fetch?.[name]
  return { path: `fetch.${name}`, given, value: given ?? DEFAULTS.fetch[name] }
}

function claimLimit(name: keyof ResolvedClaimOptions, claim: ClaimOptions | undefined): Limit {
  const given = claim?.[name]
  return { path: `claim.${name}`, given, value: given ?? DEFAULTS.claim[name] }
}

function requestTimeout(kafka: KafkaOptions | undefined): Limit {
  const given = kafka?.requestTimeoutMs
  return { path: 'kafka.requestTimeoutMs', given, value: given ?? DEFAULTS.kafka.requestTimeoutMs }
}

function atMost(small: Limit, large: Limit): OptionProblem[] {
  return small.value <= large.value ? [] : tooLarge(small, large, 'not more', 'not less')
}

/** Reports the one that was given: nobody searches their program for a default. */
function tooLarge(small: Limit, large: Limit, less: string, more: string): OptionProblem[] {
  return small.given === undefined
    ? [problem(large.path, large.given, `${more} than ${small.path} (${small.value} by default)`)]
    : [problem(small.path, small.given, `${less} than ${large.path} (${large.value}${byDefault(large)})`)]
}

function byDefault({ given }: Limit): string {
  return given === undefined ? ' by default' : ''
}

/** Whether a problem at `path` concerns the value at `read`: it lies there or above it. */
function concerns(path: string, read: string): boolean {
  return path === '' || path === read || read.startsWith(`${path}.`)
}
