import type { GroupStorage } from '../coordinator/storage/group-storage.ts'
import type { Logger } from '../shared/logger.ts'
import type { RetrySettings } from '../shared/protocol.ts'
import type { KafkaConnectionOptions, SaslOptions } from '../shared/kafka/connection-options.ts'
import type { Ordering } from '../shared/ordering.ts'

/**
 * Where a partition without a stored offset starts: behind its last record, at its first one, or not at all
 * (the partition fails with OFFSET_MISSING).
 */
export type OffsetReset = 'latest' | 'earliest' | 'none'

/** What to do at start about a subscribed topic that does not exist. */
export type MissingTopics = 'fail' | 'wait'

/** Whether records of aborted and of still open transactions are handled. */
export type IsolationLevel = 'read_committed' | 'read_uncommitted'

/** Where ZooKeeper is and how long a session survives silence. */
export interface ZooKeeperOptions {
  /**
   * Servers as `host:port,host:port`, IPv6 addresses in brackets (`[::1]:2181`), optionally followed by the chroot
   * (`host:port/kafka`). Name every server of the ensemble: with one of three, that one's restart is an outage.
   * Kafka: `zookeeper.connect`.
   */
  servers: string
  /**
   * Node below which everything is read and written, such as `/kafka`; it is created if missing. Absolute, without
   * empty, `.` or `..` parts and without a trailing slash. Kafka: the path part of `zookeeper.connect`.
   * @defaultValue the path part of `servers`, else none
   */
  chroot?: string | undefined
  /**
   * How long ZooKeeper keeps this member's claims after it was last heard of; the server clamps it to 2 to 20 of its
   * ticks. Too low: a pause of the machine or a short loss of the network costs the member its claims. Too high:
   * after a crash its partitions stand still that long. ZooKeeper: session timeout; Kafka:
   * `zookeeper.session.timeout.ms`.
   * @defaultValue 6_000
   */
  sessionTimeoutMs?: number | undefined
  /**
   * How long to try for a first session before the start fails with ZOOKEEPER_UNREACHABLE. Too low: a start fails
   * while the ensemble elects a leader. Too high: a wrong address is reported late. Kafka:
   * `zookeeper.connection.timeout.ms`.
   * @defaultValue 10_000
   */
  connectTimeoutMs?: number | undefined
}

/**
 * TLS settings of Node's `tls.connect`, as far as they are plain data: they are sent to every worker thread, and
 * functions do not cross threads. Certificates and keys are the PEM text or bytes, not file names.
 */
export interface TlsOptions {
  /** Certificates of the authorities to trust. Too few: brokers are refused. @defaultValue those of Node.js */
  ca?: TlsMaterial | undefined
  /** This client's certificate chain, if brokers ask for one. @defaultValue none */
  cert?: TlsMaterial | undefined
  /** The private key of `cert`. Never logged. @defaultValue none */
  key?: TlsMaterial | undefined
  /** Certificate and key as PKCS#12, instead of `cert` and `key`. Never logged. @defaultValue none */
  pfx?: TlsMaterial | undefined
  /** Opens `key` or `pfx`. Never logged. @defaultValue none */
  passphrase?: string | undefined
  /** Certificate revocation lists. @defaultValue none */
  crl?: TlsMaterial | undefined
  /** Name expected in the broker's certificate. @defaultValue the broker's host */
  servername?: string | undefined
  /** False accepts any certificate, and with it anybody who answers: for experiments only. @defaultValue true */
  rejectUnauthorized?: boolean | undefined
  /** Cipher suites, in OpenSSL's notation. @defaultValue those of Node.js */
  ciphers?: string | undefined
  /** Oldest protocol version accepted. @defaultValue that of Node.js */
  minVersion?: TlsVersion | undefined
  /** Newest protocol version used. @defaultValue that of Node.js */
  maxVersion?: TlsVersion | undefined
}

export type TlsMaterial = string | Uint8Array | (string | Uint8Array)[]
export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

/** How every thread of this member connects to the brokers. */
export interface KafkaOptions {
  /**
   * Brokers to ask first, as `host:port`; the rest of the cluster is learned from them. Give it if ZooKeeper does not
   * list the brokers (Kafka 4, or a storage of another kind) or lists addresses that cannot be reached from here.
   * Kafka: `bootstrap.servers`.
   * @defaultValue those listed by ZooKeeper under `/brokers/ids`
   */
  brokers?: string[] | undefined
  /**
   * Name of this client in the brokers' logs, metrics and quotas. Kafka: `client.id`.
   * @defaultValue 'kafka-worker-group'
   */
  clientId?: string | undefined
  /**
   * `true` for TLS with Node's defaults, or TLS settings. With brokers from ZooKeeper it also decides which of a
   * broker's listeners is used. Kafka: `security.protocol` SSL or SASL_SSL.
   * @defaultValue no TLS
   */
  ssl?: boolean | TlsOptions | null | undefined
  /**
   * `{ mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', username, password }` or
   * `{ mechanism: 'oauthbearer', oauthBearerProvider }`, a function that resolves to `{ value: token }` and is called
   * on the main thread. Never logged. Kafka: `sasl.mechanism`, `sasl.jaas.config`.
   * @defaultValue no authentication
   */
  sasl?: SaslOptions | null | undefined
  /**
   * How long opening a connection to one broker may take; at start also how long to try before
   * BROKERS_UNREACHABLE. Too low: a busy broker or a far network counts as gone. Too high: partitions wait that long
   * for a broker that is down. Kafka: `socket.connection.setup.timeout.ms`.
   * @defaultValue 10_000
   */
  connectionTimeoutMs?: number | undefined
  /**
   * How long an answer of a broker may take before its connection is given up; more than `fetch.maxWaitMs`. Too low:
   * answers of a loaded broker are thrown away and asked for again. Too high: a broker that hangs is noticed late.
   * Kafka: `request.timeout.ms`.
   * @defaultValue 30_000
   */
  requestTimeoutMs?: number | undefined
  /**
   * After how long the brokers are asked again for the partitions of the topics. Where Kafka keeps its topics in the
   * ZooKeeper of the group, a change is seen at once, and this is a safety net; else it takes this long until new
   * partitions are consumed and a topic that was made again is noticed. A topic that is missing is looked for every
   * second. Too low: the brokers are asked for nothing. Too high: new partitions wait. Kafka: `metadata.max.age.ms`.
   * @defaultValue 30_000
   */
  metadataMaxAgeMs?: number | undefined
}

/**
 * When finished work is written to the group's storage. What was finished and not yet committed is handled again
 * after a crash, never after a clean stop.
 */
export interface CommitOptions {
  /**
   * Time between two commits; partitions without progress are left out. Too low: writes load ZooKeeper for nothing.
   * Too high: more records are handled twice after a crash. Kafka: `auto.commit.interval.ms`; the original:
   * `OffsetAutoCommitInterval`.
   * @defaultValue 10_000
   */
  intervalMs?: number | undefined
  /**
   * False: offsets are committed only by `group.commit()`, when a partition is released or the group stops, and for a while
   * after the death of a process that had the partition: so it is found out which record it died of.
   * Kafka: `enable.auto.commit`; the original: `OffsetAutoCommitEnable`.
   * @defaultValue true
   */
  auto?: boolean | undefined
}

/**
 * When a partition that somebody else holds is reported. Claiming itself goes on, and succeeds the instant the holder
 * lets go.
 */
export interface ClaimOptions {
  /**
   * How many times `claim.retryIntervalMs` may pass before a refused claim is reported as CLAIM_REFUSED. Too low: a
   * normal hand-over is reported as an error. Too high: a holder that never lets go is noticed late. Kafka's old consumer:
   * `rebalance.max.retries`; the original: `ClaimPartitionRetry`.
   * @defaultValue 5
   */
  retries?: number | undefined
  /**
   * Length of one such interval. Too low, too high: as `claim.retries`. Kafka's old consumer: `rebalance.backoff.ms`;
   * the original: `ClaimPartitionRetryInterval`.
   * @defaultValue 3_000
   */
  retryIntervalMs?: number | undefined
}

/** How much is fetched ahead of the handlers, and what it may cost in memory. */
export interface FetchOptions {
  /**
   * Bytes asked of a broker per partition and request; a single larger batch is still delivered whole. Too low: one
   * round trip for few records. Too high: one answer takes much of `fetch.maxBufferedBytes`, so that fewer partitions
   * are fetched ahead. Kafka: `max.partition.fetch.bytes`.
   * @defaultValue 1_048_576
   */
  maxBytesPerPartition?: number | undefined
  /**
   * How long a broker may hold a request while there is less than `fetch.minBytes` to send. Too low: an idle member
   * asks all the time; at least 10. Too high: stopping and moving a partition can wait that long for an open request.
   * Kafka: `fetch.max.wait.ms`.
   * @defaultValue 500
   */
  maxWaitMs?: number | undefined
  /**
   * Bytes a broker should have before it answers, within `fetch.maxWaitMs`. Too low: many small answers where a
   * little latency would not matter. Too high: every record waits up to `fetch.maxWaitMs`. Kafka: `fetch.min.bytes`.
   * @defaultValue 1
   */
  minBytes?: number | undefined
  /**
   * Bytes fetched and not yet handled, for the whole member; each thread has an even share, each partition a part of
   * it. Too low: threads wait for the network. Too high: memory, and more fetched for nothing when partitions move.
   * At least `fetch.maxBytesPerPartition`. The batch that a partition is working off counts as it is decompressed, and
   * is there even where it exceeds the budget: at most `fetch.maxBatchBytes` per partition. Kafka's Java consumer has
   * no such bound.
   * @defaultValue 67_108_864
   */
  maxBufferedBytes?: number | undefined
  /**
   * Largest size of one record batch once decompressed; a larger one stops its partition with BATCH_TOO_LARGE. Too
   * low: legitimate batches stop their partition. Too high: one small, highly compressed batch may take that much
   * memory. Kafka has no such setting; compare `message.max.bytes` and `max.request.size` of the producers.
   * @defaultValue 67_108_864
   */
  maxBatchBytes?: number | undefined
  /**
   * `'read_committed'` leaves out records of aborted transactions and waits for open ones to end;
   * `'read_uncommitted'` handles everything. Kafka: `isolation.level`.
   * @defaultValue 'read_committed'
   */
  isolation?: IsolationLevel | undefined
}

/** How often a record is run again whose attempt failed, and how long it waits before. */
export interface RetryOptions {
  /**
   * Attempts of one record, the first one included; 1: none is run again. Counted on when a thread or the process dies or
   * the partition moves to another member. At most 1000. Too low: a short outage of something that the handler calls
   * costs records. Too high: a record that can never succeed holds up what comes after it for longer.
   * @defaultValue 3
   */
  attempts?: number | undefined
  /**
   * How long a record waits before its second attempt; doubled before each further one. Only what must keep its order
   * behind the record waits with it. Too low: the attempts are used up before the cause is gone. Too high: as `attempts`.
   * @defaultValue 500
   */
  backoffMs?: number | undefined
  /**
   * Longest wait between two attempts. Too low, too high: as `backoffMs`.
   * @defaultValue 30_000
   */
  maxBackoffMs?: number | undefined
  /**
   * Share of each wait that is left to chance, from 0 to 1, so that records which failed together are not run again
   * together: a wait is drawn evenly from between (1 - jitter) times its length and all of it. Too low: those that failed
   * together meet again. Too high: some are run again almost at once.
   * @defaultValue 0.5
   */
  jitter?: number | undefined
}

/** Where dead letters go. */
export interface DeadLetterOptions {
  /**
   * Topic that gets them; it is created with the brokers' defaults if it is missing. Not one that the group consumes.
   * @defaultValue `<groupId>.dead-letters`
   */
  topic?: string | undefined
}

/** What becomes of a record whose attempts are used up. */
export type OnFailure = 'stop' | 'skip' | 'dead-letter'

/** What `runGroup` takes. A key whose value is `undefined` counts as not given. */
export interface RunGroupOptions {
  /**
   * Name of the group: members with the same one share the partitions. A legal ZooKeeper node name: no `/`, no
   * control characters. Kafka: `group.id`; the original: `GroupID`.
   */
  groupId: string
  /** Topics to consume, at least one, each once. The original: `TopicList`. */
  topics: readonly string[]
  /**
   * ZooKeeper, where the group keeps its members, claims and offsets: `'host:port,host:port/chroot'`, or an object.
   * Exactly one of `zookeeper` and `storage` is required. The original: `ZkList`, `Chroot`, `ZkSessionTimeout`.
   */
  zookeeper?: string | ZooKeeperOptions | undefined
  /**
   * Another place for members, claims and offsets: any implementation of `GroupStorage`. Instead of `zookeeper`.
   * @defaultValue a ZooKeeperGroupStorage on `zookeeper`
   */
  storage?: GroupStorage | undefined
  /** How to reach the brokers. The original: `SaramaConfig`. */
  kafka?: KafkaOptions | undefined
  /**
   * Name of this member, unique in the group; a legal ZooKeeper node name. A second live member under the same name is
   * refused with MEMBER_ID_TAKEN. Give a stable one to find the member in logs across restarts. Kafka's old consumer:
   * `consumer.id`; the original: `ConsumerID`.
   * @defaultValue `<hostname>-<ms since 1970>-<8 letters>`
   */
  memberId?: string | undefined
  /**
   * Worker threads that run the handler; also this member's weight when partitions are assigned. Too low: cores stay
   * idle. Too high: threads compete for cores, and each costs memory for its own copy of the handler module. More
   * threads than partitions have nothing to do, unless `ordering` lets them share one.
   * @defaultValue os.availableParallelism()
   */
  threads?: number | undefined
  /**
   * Which records keep their order: `'partition'` handles the records of a partition one at a time, in offset order;
   * `'key'` does the same for those of a partition that have the same key, and `'none'` for none, so that all threads share
   * a partition. In these two orders another thread fetches, beyond `threads`. May be changed while other members of the
   * group still have another one: each partition changes at the next offset up to which all its records are taken.
   * @defaultValue 'partition'
   */
  ordering?: Ordering | undefined
  /**
   * With `ordering: 'key'`, into how many lanes the keys of a partition are divided; a thread that is free takes the records of
   * one. May be changed as `ordering` may. From 1 to 1024. Too low: busy keys that share a lane wait for each other, and threads
   * find nothing to do; at least a few per thread. Too high: what is committed grows by some bytes per lane.
   * @defaultValue 64
   */
  lanesPerPartition?: number | undefined
  /**
   * With `ordering: 'key'` and `'none'`, bytes of records that are kept of one partition: those that are in hand, and those between
   * them and the newest that was fetched. With their index, all rings of the member take at most half of
   * `fetch.maxBufferedBytes`, but none has less than 1 MiB. From 1 MiB to 1 GiB. Too low: a slow record soon holds up its whole
   * partition, and a record that is larger stops it with RECORD_TOO_LARGE. Too high: memory.
   * @defaultValue 16_777_216
   */
  ringBytesPerPartition?: number | undefined
  /**
   * Where a partition without a stored offset starts when the group is new to its topic: `'latest'`, `'earliest'`, or
   * `'none'`, which fails the partition. It also decides where to go on when the stored offset is no longer in the
   * log; where that is 0, nothing was read yet, and `'latest'` goes on at the first record, too. Partitions that are added to a topic later start at their first record whatever it says. Kafka:
   * `auto.offset.reset`; the original: `OffsetAutoReset`.
   * @defaultValue 'latest'
   */
  offsetReset?: OffsetReset | undefined
  /**
   * What to do at start about a topic that does not exist: `'fail'` rejects with TOPIC_NOT_FOUND naming it before
   * anything is claimed, `'wait'` starts with those that exist and takes up the others, from their first record, when
   * they appear.
   * @defaultValue 'fail'
   */
  missingTopics?: MissingTopics | undefined
  /** When finished work is committed. */
  commit?: CommitOptions | undefined
  /** When a refused claim is reported. */
  claim?: ClaimOptions | undefined
  /** When a failed attempt is repeated. A handler module may export `retry` to decide record by record. */
  retry?: RetryOptions | undefined
  /**
   * What becomes of a record whose attempts are used up, or whose handler threw an `UnrecoverableError`: `'stop'` stops its
   * partition there, so that nothing is lost and a restart goes on with it; `'skip'` leaves it out; `'dead-letter'` stores
   * it in another topic, with what failed it, and goes on when that is done.
   * @defaultValue 'stop'
   */
  onFailure?: OnFailure | undefined
  /**
   * True: where a partition would stop, the whole group fails with the cause instead. Not with `onFailure: 'skip'`, which
   * stops nothing.
   * @defaultValue false
   */
  failGroup?: boolean | undefined
  /** Where dead letters go. Only with `onFailure: 'dead-letter'`. */
  deadLetter?: DeadLetterOptions | undefined
  /**
   * How long one attempt may take. Then `context.signal` aborts; a handler that settles soon after has failed its attempt,
   * one that does not, or that blocks its thread, is ended with the thread, and a new one takes its place. A native call
   * in progress (`execSync`, `pbkdf2Sync`) cannot be ended before it returns. At least 10. Too low: slow records fail, and
   * each thread that is ended costs the others on it some time. Too high: a handler that hangs is noticed late.
   * @defaultValue no limit
   */
  handlerTimeoutMs?: number | undefined
  /**
   * How many records this member may run at once, divided evenly among its threads; each thread runs at least one of each
   * partition, so that none can stop another. More than one per
   * thread helps handlers that wait, not those that compute. With `ordering: 'key'` at most one per key runs; with
   * `'partition'` one per partition, and this is 1. Up to 100 000. Too low: handlers that wait keep a thread idle. Too
   * high: more is repeated after a crash, and what handlers call is asked for more at once.
   * @defaultValue 1
   */
  concurrency?: number | undefined
  /**
   * Records per call of `handleBatch`, at most; up to 10 000. Only with a handler module that exports `handleBatch`, and with
   * `ordering: 'partition'`. Too low: what a batch saves is not saved. Too high: memory, and more is repeated when a thread
   * dies.
   * @defaultValue 1
   */
  batchSize?: number | undefined
  /**
   * How long records may wait for others to fill their batch; 0: a batch is what has been fetched. Too low: small batches.
   * Too high: every record of a quiet partition waits that long.
   * @defaultValue 0
   */
  batchWaitMs?: number | undefined
  /**
   * Memory for the JavaScript objects of one thread, in MiB; a thread that needs more is ended and replaced. Buffers are
   * not counted: they lie outside of that memory. At least 16. Too low: legitimate records end their thread. Too high: all
   * threads together need more than the machine has.
   * @defaultValue that of Node.js
   */
  threadMemoryMb?: number | undefined
  /** How much is fetched ahead. */
  fetch?: FetchOptions | undefined
  /**
   * Errors kept for the first listener of `error`, which comes after the start; when full, the oldest goes. Too low:
   * the cause of a storm of errors is missed. Too high: memory. The original: `ErrorChannelBufferSize`.
   * @defaultValue 1_024
   */
  errorBufferSize?: number | undefined
  /**
   * How long `stop()` may take to finish the records in hand, commit and leave; then handlers are cut. Too low: a slow
   * record is cut and handled again elsewhere. Too high: a handler that hangs delays every deployment. Keep it below
   * the time your supervisor grants between SIGTERM and SIGKILL.
   * @defaultValue 30_000
   */
  stopTimeoutMs?: number | undefined
  /**
   * Where log lines go: an object with pino's `debug`, `info`, `warn` and `error`. Record payloads are never logged.
   * The original: `SetLogger`.
   * @defaultValue pino at `info`, JSON lines on standard error
   */
  logger?: Logger | undefined
}

/** What `group.stop()` takes. */
export interface StopOptions {
  /** How long handlers may take to finish; see the option `stopTimeoutMs`. */
  readonly timeoutMs?: number | undefined
}

/** Options with every default filled in: what the runtime sees. Frozen. */
export interface ResolvedOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  readonly zookeeper: ResolvedZooKeeperOptions | null
  readonly storage: GroupStorage | null
  readonly kafka: ResolvedKafkaOptions
  readonly memberId: string
  readonly threads: number
  readonly ordering: Ordering
  readonly lanesPerPartition: number
  readonly ringBytesPerPartition: number
  readonly offsetReset: OffsetReset
  readonly missingTopics: MissingTopics
  readonly commit: ResolvedCommitOptions
  readonly claim: ResolvedClaimOptions
  readonly fetch: ResolvedFetchOptions
  readonly retry: RetrySettings
  readonly onFailure: OnFailure
  readonly failGroup: boolean
  /** Null unless `onFailure` is 'dead-letter'. */
  readonly deadLetter: { readonly topic: string } | null
  readonly handlerTimeoutMs: number | null
  readonly concurrency: number
  readonly batchSize: number
  readonly batchWaitMs: number
  readonly threadMemoryMb: number | null
  readonly errorBufferSize: number
  readonly stopTimeoutMs: number
  readonly logger: Logger
}

export interface ResolvedZooKeeperOptions {
  /** `host:port`, at least one; IPv6 addresses in brackets. */
  readonly servers: readonly string[]
  /** '' or `/a/b`, without a trailing slash. */
  readonly chroot: string
  readonly sessionTimeoutMs: number
  readonly connectTimeoutMs: number
}

export interface ResolvedKafkaOptions {
  /** Null: read them from ZooKeeper. IPv6 hosts without brackets. */
  readonly brokers: readonly { readonly host: string; readonly port: number }[] | null
  readonly metadataMaxAgeMs: number
  readonly connection: KafkaConnectionOptions
}

export interface ResolvedCommitOptions {
  readonly intervalMs: number
  readonly auto: boolean
}

export interface ResolvedClaimOptions {
  readonly retries: number
  readonly retryIntervalMs: number
}

export interface ResolvedFetchOptions {
  readonly maxBytesPerPartition: number
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBufferedBytes: number
  readonly maxBatchBytes: number
  readonly isolation: IsolationLevel
}
