import { invalidOptions, type OptionProblem } from '../options/problems.ts'
import { isGroupError } from '../shared/errors.ts'

/** Flags as commander hands them over: text, or absent. */
export interface GroupFlags {
  group?: string
  topics?: string
  zookeeper?: string
  brokers?: string
  memberId?: string
  threads?: string
  ordering?: string
  offsetReset?: string
  commitInterval?: string
  sessionTimeout?: string
  missingTopics?: string
}

/** Flags of `kwg offsets reset` beyond those. */
export interface ResetFlags {
  topic?: string
  to?: string
  partitions?: string
}

/** Flags of `kwg dead-letters` beyond those. */
export interface DeadLetterFlags {
  topic?: string
  originTopic?: string
  code?: string
  since?: string
  limit?: string
}

/** Which flag gives which option, so that a report can name both. */
const FLAG_OF_OPTION: Readonly<Record<string, string>> = {
  groupId: '--group',
  topics: '--topics',
  zookeeper: '--zookeeper',
  'zookeeper.servers': '--zookeeper',
  'zookeeper.sessionTimeoutMs': '--session-timeout',
  'kafka.brokers': '--brokers',
  memberId: '--member-id',
  threads: '--threads',
  ordering: '--ordering',
  offsetReset: '--offset-reset',
  'commit.intervalMs': '--commit-interval',
  missingTopics: '--missing-topics',
  topic: '--topic',
  to: '--to',
  partitions: '--partitions',
  originTopic: '--origin-topic',
  code: '--code',
  since: '--since',
  limit: '--limit',
  letters: '<partition:offset>',
}

/**
 * The options of a configuration file with those of the flags over them; flags win. Nothing is checked here: what is
 * ill-typed stays as it is for the resolver, so that everything wrong is reported at once.
 */
export function mergeFlags(config: Readonly<Record<string, unknown>>, flags: GroupFlags): object {
  return over(config, {
    groupId: flags.group,
    topics: flags.topics?.split(','),
    zookeeper: mergeZooKeeper(config['zookeeper'], flags),
    kafka: over(config['kafka'], { brokers: flags.brokers?.split(',') }),
    memberId: flags.memberId,
    threads: numberOf(flags.threads),
    ordering: flags.ordering,
    offsetReset: flags.offsetReset,
    missingTopics: flags.missingTopics,
    commit: over(config['commit'], { intervalMs: numberOf(flags.commitInterval) }),
  }) as object
}

/** The options that these flags give; as they are, like the others. */
export function resetOptionsOf({ topic, to, partitions }: ResetFlags): object {
  return { topic, to: numberOf(to), partitions: partitions?.split(',').map(numberOf) }
}

/** The same for dead letters; `letters` as they were given behind the flags. */
export function deadLetterOptionsOf(flags: DeadLetterFlags, letters: readonly string[]): object {
  const { topic, originTopic, code, since, limit } = flags
  const named = letters.length === 0 ? undefined : letters
  return { topic, originTopic, code, since, limit: numberOf(limit), letters: named }
}

/** The error with the flag beside each option that has one: whoever typed `--group` does not know `groupId`. */
export function withFlagNames(thrown: unknown): unknown {
  if (!isGroupError(thrown, 'CONFIG_INVALID')) return thrown
  const problems = thrown.details['problems'] as readonly OptionProblem[] | undefined
  if (problems === undefined || problems.length === 0) return thrown
  return invalidOptions(problems.map(problem => ({ ...problem, path: withFlag(problem.path) })))
}

/** What the work rejects with, as `withFlagNames` tells it. */
export async function namingFlags<T>(work: Promise<T>): Promise<T> {
  return work.catch((thrown: unknown) => {
    throw withFlagNames(thrown)
  })
}

function withFlag(path: string): string {
  const flag = FLAG_OF_OPTION[path.replace(/\[\d+\]$/, '')]
  return flag === undefined ? path : `${flag} (${path})`
}

/** `--zookeeper` brings its own chroot, or none: the file's belongs to the servers it replaces. */
function mergeZooKeeper(config: unknown, flags: GroupFlags): unknown {
  const sessionTimeoutMs = numberOf(flags.sessionTimeout)
  if (flags.zookeeper === undefined && sessionTimeoutMs === undefined) return config
  const base = typeof config === 'string' ? { servers: config } : config
  const servers = flags.zookeeper === undefined ? {} : { servers: flags.zookeeper, chroot: undefined }
  const given = isObject(base) ? { ...base, ...servers } : servers
  return over(given, { sessionTimeoutMs })
}

/** `patch` over `base`, without what is not given; a base that is no object is left to the resolver to refuse. */
function over(base: unknown, patch: Readonly<Record<string, unknown>>): unknown {
  const given = Object.entries(patch).filter(([, value]) => value !== undefined)
  if (given.length === 0) return base
  if (base !== undefined && !isObject(base)) return base
  return { ...base, ...Object.fromEntries(given) }
}

/** The number a flag's text spells; other text stays text, for the resolver to name. */
function numberOf(text: string | undefined): number | string | undefined {
  return text !== undefined && /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
