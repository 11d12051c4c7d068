import { z } from 'zod'
import type { KafkaConnectionOptions } from '../shared/kafka/connection-options.ts'
import { GroupError, isGroupError } from '../shared/errors.ts'
import { formatHostPort, parseHostPort } from '../shared/host-port.ts'
import { createDefaultLogger } from '../shared/logger.ts'
import { parseConnectString } from './addresses.ts'
import { DEFAULTS, defaultDeadLetterTopic, defaultThreads } from './defaults.ts'
import { createMemberId } from './member-id.ts'
import { invalidOptions, problemsOf } from './problems.ts'
import { brokenConnectionRules, brokenRules, type RuleCheck } from './rules.ts'
import { readResetTarget, type ResetTarget, type ResolvedResetTarget } from './reset-target.ts'
import { connectionSchema, resetSchema, runGroupSchema, stopSchema } from './schema.ts'
import type {
  KafkaOptions,
  ResolvedKafkaOptions,
  ResolvedOptions,
  ResolvedZooKeeperOptions,
  RunGroupOptions,
  StopOptions,
  ZooKeeperOptions,
} from './types.ts'

/**
 * Options as given, made complete: every default filled in, frozen. Nothing is corrected; whatever is wrong is thrown
 * as one CONFIG_INVALID whose `details.problems` lists each problem with path, given value and expectation.
 */
export function resolveOptions(given: RunGroupOptions): ResolvedOptions {
  const valid = validate(runGroupSchema, brokenRules, given)
  const { storage = null, logger = createDefaultLogger() } = valid
  const own = deepFreeze({
    groupId: valid.groupId,
    topics: [...valid.topics],
    zookeeper: resolveZooKeeper(valid.zookeeper),
    kafka: resolveKafka(valid.kafka),
    memberId: valid.memberId ?? createMemberId(),
    threads: valid.threads ?? defaultThreads(),
    ordering: valid.ordering ?? DEFAULTS.ordering,
    lanesPerPartition: valid.lanesPerPartition ?? DEFAULTS.lanesPerPartition,
    ringBytesPerPartition: valid.ringBytesPerPartition ?? DEFAULTS.ringBytesPerPartition,
    offsetReset: valid.offsetReset ?? DEFAULTS.offsetReset,
    missingTopics: valid.missingTopics ?? DEFAULTS.missingTopics,
    commit: withDefaults(DEFAULTS.commit, valid.commit),
    claim: withDefaults(DEFAULTS.claim, valid.claim),
    fetch: withDefaults(DEFAULTS.fetch, valid.fetch),
    ...resolveFailures(valid),
    concurrency: valid.concurrency ?? DEFAULTS.concurrency,
    batchSize: valid.batchSize ?? DEFAULTS.batchSize,
    batchWaitMs: valid.batchWaitMs ?? DEFAULTS.batchWaitMs,
    threadMemoryMb: valid.threadMemoryMb ?? DEFAULTS.threadMemoryMb,
    errorBufferSize: valid.errorBufferSize ?? DEFAULTS.errorBufferSize,
    stopTimeoutMs: valid.stopTimeoutMs ?? DEFAULTS.stopTimeoutMs,
  })
  return Object.freeze({ ...own, storage, logger }) // those two are the caller's objects and stay as they are
}

/** What it takes to find a group and read it. */
export interface ConnectionOptions {
  groupId: string
  zookeeper: string | ZooKeeperOptions
  kafka?: KafkaOptions | undefined
}

export interface ResolvedConnectionOptions {
  readonly groupId: string
  readonly zookeeper: ResolvedZooKeeperOptions
  readonly kafka: ResolvedKafkaOptions
}

/** As `resolveOptions`, for a program that only reads a group. */
export function resolveConnectionOptions(given: ConnectionOptions): ResolvedConnectionOptions {
  return resolveConnection(validate(connectionSchema, brokenConnectionRules, given))
}

function resolveConnection(valid: z.infer<typeof connectionSchema>): ResolvedConnectionOptions {
  const zookeeper = resolveZooKeeper(valid.zookeeper)
  if (zookeeper === null) throw new GroupError('INTERNAL', 'connection options passed without zookeeper')
  return deepFreeze({ groupId: valid.groupId, zookeeper, kafka: resolveKafka(valid.kafka) })
}

export interface OffsetResetOptions extends ConnectionOptions {
  /** The topic whose offsets are set. */
  topic: string
  /**
   * Where the group is to start: an end of the log, an offset that is within it, or the first record at or after a
   * time (the end if there is none).
   */
  to: ResetTarget
  /**
   * Only these partitions.
   * @defaultValue all of the topic
   */
  partitions?: readonly number[] | undefined
}

export interface ResolvedOffsetResetOptions extends ResolvedConnectionOptions {
  readonly topic: string
  readonly to: ResolvedResetTarget
  /** Null: all of the topic. */
  readonly partitions: readonly number[] | null
}

/** As `resolveOptions`, for a program that sets a group's offsets. */
export function resolveOffsetResetOptions(given: OffsetResetOptions): ResolvedOffsetResetOptions {
  const valid = validate(resetSchema, brokenConnectionRules, given)
  const to = readResetTarget(valid.to)
  if (to === null) throw new GroupError('INTERNAL', 'a reset passed without a target')
  const partitions = valid.partitions === undefined ? null : [...new Set(valid.partitions)]
  return deepFreeze({ ...resolveConnection(valid), topic: valid.topic, to, partitions })
}

/** How long this stop may take: as given, else the deadline of the group. CONFIG_INVALID as for options. */
export function resolveStopTimeoutMs(given: StopOptions, defaultMs: number): number {
  const { stop } = validate(z.strictObject({ stop: stopSchema }), noRules, { stop: given })
  return stop.timeoutMs ?? defaultMs
}

const noRules: RuleCheck = () => []

export function validate<T>(schema: z.ZodType<T>, rules: RuleCheck, given: unknown): T {
  try {
    const parsed = schema.safeParse(given)
    const found = parsed.success ? [] : problemsOf(parsed.error.issues, given)
    const problems = [...found, ...rules(given, found)]
    if (parsed.success && problems.length === 0) return parsed.data
    throw invalidOptions(problems)
  } catch (thrown) {
    if (isGroupError(thrown)) throw thrown
    // A getter or proxy among the options threw while being read.
    throw new GroupError('CONFIG_INVALID', 'the options cannot be read: one of their properties throws', {
      details: { problems: [] },
      cause: thrown,
    })
  }
}

type FailureOptions = 'retry' | 'onFailure' | 'failGroup' | 'deadLetter' | 'handlerTimeoutMs'

function resolveFailures(valid: RunGroupOptions): Pick<ResolvedOptions, FailureOptions> {
  const { groupId, onFailure = DEFAULTS.onFailure } = valid
  const topic = valid.deadLetter?.topic ?? defaultDeadLetterTopic(groupId)
  return {
    retry: withDefaults(DEFAULTS.retry, valid.retry),
    onFailure,
    failGroup: valid.failGroup ?? DEFAULTS.failGroup,
    deadLetter: onFailure === 'dead-letter' ? { topic } : null,
    handlerTimeoutMs: valid.handlerTimeoutMs ?? DEFAULTS.handlerTimeoutMs,
  }
}

export function resolveZooKeeper(
  given: string | ZooKeeperOptions | undefined,
): ResolvedZooKeeperOptions | null {
  if (given === undefined) return null
  const options = typeof given === 'string' ? { servers: given } : given
  const { servers, chroot } = parseConnectString(options.servers)
  return {
    ...withDefaults(DEFAULTS.zookeeper, options),
    servers: servers.map(formatHostPort),
    chroot: options.chroot ?? chroot,
  }
}

export function resolveKafka(given: KafkaOptions = {}): ResolvedKafkaOptions {
  const { brokers: none, metadataMaxAgeMs: maxAgeMs, ...defaults } = DEFAULTS.kafka
  const { brokers, ssl, metadataMaxAgeMs = maxAgeMs, ...connection } = given
  return {
    brokers: brokers?.map(parseHostPort).filter(broker => typeof broker !== 'string') ?? none,
    metadataMaxAgeMs,
    connection: {
      ...withDefaults<KafkaConnectionOptions>(defaults, connection),
      ssl: resolveTls(ssl),
    },
  }
}

/** False, null and not given all mean no TLS. */
function resolveTls(ssl: KafkaOptions['ssl']): KafkaConnectionOptions['ssl'] {
  if (ssl === undefined || ssl === null || ssl === false) return DEFAULTS.kafka.ssl
  return ssl === true ? true : { ...ssl }
}

/** `{ ...defaults, ...given }` would keep an explicit undefined, which means "not given" here. */
function withDefaults<D extends object>(
  defaults: D,
  given: { [K in keyof D]?: D[K] | undefined } | undefined,
): D {
  const keys = Object.keys(defaults) as (keyof D)[]
  return Object.fromEntries(keys.map(key => [key, given?.[key] ?? defaults[key]])) as D
}

/** Freezes our own plain objects and lists; bytes and functions inside cannot be and are not ours. */
export function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner)) deepFreeze(inner)
  }
  return Object.freeze(value)
}
