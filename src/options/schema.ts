import { z } from 'zod'
import type { GroupStorage } from '../coordinator/storage/group-storage.ts'
import type { SaslOptions } from '../shared/kafka/connection-options.ts'
import type { Logger } from '../shared/logger.ts'
import { MAX_ATTEMPTS } from '../shared/memory/remainder-memory.ts'
import { MAX_LANES, MIN_RING_BYTES, ORDERINGS } from '../shared/ordering.ts'
import * as leaf from './leaves.ts'
import type { RunGroupOptions, StopOptions, TlsMaterial } from './types.ts'

/**
 * The shape of the options, value by value; what must hold between them stands in rules.ts. Every object is strict:
 * an unknown key is a problem, at any depth. No schema transforms or fills in: that is resolve.ts.
 */

/** ZooKeeper's own range is 2 to 20 ticks; below a second its heartbeats would be what the member mostly does. */
const MIN_SESSION_TIMEOUT_MS = 1_000
const MAX_SESSION_TIMEOUT_MS = 600_000

/** More often than that, members would keep the brokers busy with nothing. */
const MIN_METADATA_AGE_MS = 100

/** A typing mistake beyond this would ask for more stacks than a machine has memory. */
const MAX_THREADS = 1_024
/** Twice as much is still less than what response-frames.ts takes for no answer of Kafka. */
const MAX_FETCH_BYTES = 134_217_728

const ZOOKEEPER_EXPECTED = "'host:port,host:port/chroot' or an object { servers, chroot, sessionTimeoutMs }"
const SASL_MECHANISMS = "'plain' or 'scram-sha-256' or 'scram-sha-512' or 'oauthbearer'"

const zookeeper = z.strictObject(
  {
    servers: leaf.connectString("'host:port,host:port/chroot'"),
    chroot: leaf.chroot().optional(),
    sessionTimeoutMs: leaf.milliseconds(MIN_SESSION_TIMEOUT_MS, MAX_SESSION_TIMEOUT_MS).optional(),
    connectTimeoutMs: leaf.milliseconds(1).optional(),
  },
  { error: ZOOKEEPER_EXPECTED },
)

const TLS_MATERIAL_EXPECTED = 'PEM text or bytes, or a list of them'
const tlsBytes = z.union([z.string(), z.instanceof(Uint8Array)], { error: TLS_MATERIAL_EXPECTED })
const tlsMaterial: z.ZodType<TlsMaterial> = z.union([tlsBytes, z.array(tlsBytes)], {
  error: TLS_MATERIAL_EXPECTED,
})
const tlsVersion = leaf.oneOf(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'])

const tls = z.strictObject(
  {
    ca: tlsMaterial.optional(),
    cert: tlsMaterial.optional(),
    key: tlsMaterial.optional(),
    pfx: tlsMaterial.optional(),
    passphrase: leaf.text('a passphrase').optional(),
    crl: tlsMaterial.optional(),
    servername: leaf.text('a host name').optional(),
    rejectUnauthorized: leaf.flag().optional(),
    ciphers: leaf.text("cipher suites in OpenSSL's notation").optional(),
    minVersion: tlsVersion.optional(),
    maxVersion: tlsVersion.optional(),
  },
  { error: 'an object of TLS settings' },
)

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

const saslPassword = z.strictObject({
  mechanism: leaf.oneOf(['plain', 'scram-sha-256', 'scram-sha-512']),
  username: leaf.text('a user name'),
  password: leaf.text('a password'),
})

const saslToken = z.strictObject({
  mechanism: leaf.oneOf(['oauthbearer']),
  oauthBearerProvider: leaf.callable<() => Promise<{ value: string }>>(
    'a function that resolves to { value: token }',
  ),
})

const sasl: z.ZodType<SaslOptions> = z.discriminatedUnion('mechanism', [saslPassword, saslToken], {
  error: ({ input }) => (isObject(input) ? SASL_MECHANISMS : 'an object { mechanism, … }'),
})

const kafka = z.strictObject(
  {
    brokers: z
      .array(leaf.hostPort(), { error: 'a list of host:port' })
      .min(1, { error: 'at least one broker' })
      .optional(),
    clientId: leaf.text('a name').optional(),
    ssl: z
      .union([leaf.flag(), tls, z.null()], { error: 'true, false or an object of TLS settings' })
      .optional(),
    sasl: sasl.nullable().optional(),
    connectionTimeoutMs: leaf.milliseconds(1).optional(),
    requestTimeoutMs: leaf.milliseconds(1).optional(),
    metadataMaxAgeMs: leaf.milliseconds(MIN_METADATA_AGE_MS).optional(),
  },
  { error: 'an object { brokers, clientId, ssl, sasl, … }' },
)

const commit = z.strictObject(
  { intervalMs: leaf.milliseconds(1).optional(), auto: leaf.flag().optional() },
  { error: 'an object { intervalMs, auto }' },
)

const claim = z.strictObject(
  {
    retries: leaf.integer('', 0, leaf.MAX_INT32).optional(),
    retryIntervalMs: leaf.milliseconds(1).optional(),
  },
  { error: 'an object { retries, retryIntervalMs }' },
)

const fetch = z.strictObject(
  {
    maxBytesPerPartition: leaf.bytes(1, MAX_FETCH_BYTES).optional(),
    maxWaitMs: leaf.milliseconds(10).optional(),
    minBytes: leaf.bytes().optional(),
    maxBufferedBytes: leaf.bytes(1, Number.MAX_SAFE_INTEGER).optional(),
    maxBatchBytes: leaf.bytes(1, MAX_FETCH_BYTES).optional(),
    isolation: leaf.oneOf(['read_committed', 'read_uncommitted']).optional(),
  },
  { error: 'an object { maxBytesPerPartition, maxWaitMs, … }' },
)

const retry = z.strictObject(
  {
    attempts: leaf.integer('', 1, MAX_ATTEMPTS).optional(),
    backoffMs: leaf.milliseconds().optional(),
    maxBackoffMs: leaf.milliseconds().optional(),
    jitter: leaf.share().optional(),
  },
  { error: 'an object { attempts, backoffMs, maxBackoffMs, jitter }' },
)

const deadLetter = z.strictObject({ topic: leaf.topicName().optional() }, { error: 'an object { topic }' })

/** A few turns of a thread's loop: whatever is shorter would count those, not the handler. */
const MIN_HANDLER_TIMEOUT_MS = 10
/** Node.js itself and the smallest handler need about as much. */
const MIN_THREAD_MEMORY_MB = 16
const MAX_THREAD_MEMORY_MB = 1_048_576
/** The offsets of a whole batch must fit into the progress of its partition. */
const MAX_BATCH_SIZE = 10_000
/** Positions in a ring are numbers of 32 bits with a sign. */
const MAX_RING_BYTES = 1_073_741_824
/** The offsets of all that is in hand must fit into the progress of one partition. */
const MAX_CONCURRENCY = 100_000

export const runGroupSchema = z.strictObject(
  {
    groupId: leaf.znodeName(),
    topics: z
      .array(leaf.topicName(), { error: 'a list of topic names' })
      .min(1, { error: 'at least one topic name' }),
    zookeeper: z
      .union([leaf.connectString(ZOOKEEPER_EXPECTED), zookeeper], { error: ZOOKEEPER_EXPECTED })
      .optional(),
    storage: leaf
      .withMethods<GroupStorage>('a GroupStorage', [
        'open',
        'listBrokers',
        'readOffsets',
        'readOffsetsOf',
        'readStored',
        'join',
        'pinStartOffsets',
        'readMembers',
        'readTopics',
        'readOwners',
        'readHolder',
        'readPlan',
        'writePlan',
        'claim',
        'commit',
        'release',
        'leave',
        'close',
        'abandon',
      ])
      .optional(),
    kafka: kafka.optional(),
    memberId: leaf.znodeName().optional(),
    threads: leaf.integer('', 1, MAX_THREADS).optional(),
    ordering: leaf.oneOf(ORDERINGS).optional(),
    lanesPerPartition: leaf.integer('', 1, MAX_LANES).optional(),
    ringBytesPerPartition: leaf.bytes(MIN_RING_BYTES, MAX_RING_BYTES).optional(),
    offsetReset: leaf.oneOf(['latest', 'earliest', 'none']).optional(),
    missingTopics: leaf.oneOf(['fail', 'wait']).optional(),
    commit: commit.optional(),
    claim: claim.optional(),
    fetch: fetch.optional(),
    retry: retry.optional(),
    onFailure: leaf.oneOf(['stop', 'skip', 'dead-letter']).optional(),
    failGroup: leaf.flag().optional(),
    deadLetter: deadLetter.optional(),
    handlerTimeoutMs: leaf.milliseconds(MIN_HANDLER_TIMEOUT_MS).optional(),
    concurrency: leaf.integer('', 1, MAX_CONCURRENCY).optional(),
    batchSize: leaf.integer('', 1, MAX_BATCH_SIZE).optional(),
    batchWaitMs: leaf.milliseconds().optional(),
    threadMemoryMb: leaf.integer('MiB', MIN_THREAD_MEMORY_MB, MAX_THREAD_MEMORY_MB).optional(),
    errorBufferSize: leaf.integer('', 1, leaf.MAX_INT32).optional(),
    stopTimeoutMs: leaf.milliseconds().optional(),
    logger: leaf.withMethods<Logger>('a logger', ['debug', 'info', 'warn', 'error']).optional(),
  },
  { error: 'an object of options' },
) satisfies z.ZodType<RunGroupOptions>

export const stopSchema = z.strictObject(
  { timeoutMs: leaf.milliseconds().optional() },
  { error: 'an object { timeoutMs }' },
) satisfies z.ZodType<StopOptions>

/** The part that finds a group and reads it, for `kwg describe`. */
export const connectionSchema = runGroupSchema.pick({ groupId: true, zookeeper: true, kafka: true })

/** That, and what `kwg offsets reset` is to do there. */
export const resetSchema = connectionSchema.extend({
  topic: leaf.topicName(),
  to: leaf.resetTarget(),
  partitions: z
    .array(leaf.integer('', 0, leaf.MAX_INT32), { error: 'a list of partition numbers' })
    .min(1, { error: 'at least one partition number' })
    .optional(),
})

const MAX_LISTED_LETTERS = 1_000_000

/** For `kwg dead-letters`: where the topic is, and which of its letters are meant. */
export const deadLettersSchema = runGroupSchema.pick({ zookeeper: true, kafka: true }).extend({
  topic: leaf.topicName(),
  originTopic: leaf.topicName().optional(),
  code: leaf.text('an error code').optional(),
  since: leaf.isoTime().optional(),
  limit: leaf.integer('', 1, MAX_LISTED_LETTERS).optional(),
  letters: z
    .array(leaf.letterPosition(), { error: 'a list of letters' })
    .min(1, { error: 'at least one letter' })
    .optional(),
})

/** Every known name by the path of its object; from here come the suggestions for unknown ones. */
export const KNOWN_NAMES: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(runGroupSchema.shape),
  zookeeper: Object.keys(zookeeper.shape),
  kafka: Object.keys(kafka.shape),
  'kafka.ssl': Object.keys(tls.shape),
  'kafka.sasl': Object.keys({ ...saslPassword.shape, ...saslToken.shape }),
  commit: Object.keys(commit.shape),
  claim: Object.keys(claim.shape),
  fetch: Object.keys(fetch.shape),
  retry: Object.keys(retry.shape),
  deadLetter: Object.keys(deadLetter.shape),
}

/** The same for what calls on a running group take, by the name of the call. */
export const CALL_NAMES: Readonly<Record<string, readonly string[]>> = { stop: Object.keys(stopSchema.shape) }
