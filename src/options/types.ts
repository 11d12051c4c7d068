import type { GroupStorage } from '../coordinator/storage/group-storage.ts'
import type { Logger } from '../shared/logger.ts'
import type { KafkaConnectionOptions } from '../shared/kafka/connection-options.ts'

// Helper fills in the docs of each field: meaning, too low / too high, the Kafka or ZooKeeper setting, @defaultValue.

export type OffsetReset = 'latest' | 'earliest' | 'none'
export type MissingTopics = 'fail' | 'wait'
export type IsolationLevel = 'read_committed' | 'read_uncommitted'

export interface ZooKeeperOptions {
  servers: string
  chroot?: string | undefined
  sessionTimeoutMs?: number | undefined
}

export interface KafkaOptions {
  brokers?: string[] | undefined
  clientId?: string | undefined
  ssl?: KafkaConnectionOptions['ssl'] | undefined
  sasl?: KafkaConnectionOptions['sasl'] | undefined
  connectionTimeoutMs?: number | undefined
  requestTimeoutMs?: number | undefined
}

export interface RunGroupOptions {
  groupId: string
  topics: string[]
  zookeeper?: string | ZooKeeperOptions | undefined
  storage?: GroupStorage | undefined
  kafka?: KafkaOptions | undefined
  memberId?: string | undefined
  threads?: number | undefined
  ordering?: 'partition' | undefined
  offsetReset?: OffsetReset | undefined
  missingTopics?: MissingTopics | undefined
  commit?: { intervalMs?: number | undefined; auto?: boolean | undefined } | undefined
  claim?: { retries?: number | undefined; retryIntervalMs?: number | undefined } | undefined
  fetch?:
    | {
        maxBytesPerPartition?: number | undefined
        maxWaitMs?: number | undefined
        minBytes?: number | undefined
        maxBufferedBytes?: number | undefined
        maxBatchBytes?: number | undefined
        isolation?: IsolationLevel | undefined
      }
    | undefined
  errorBufferSize?: number | undefined
  stopTimeoutMs?: number | undefined
  logger?: Logger | undefined
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
  readonly ordering: 'partition'
  readonly offsetReset: OffsetReset
  readonly missingTopics: MissingTopics
  readonly commit: { readonly intervalMs: number; readonly auto: boolean }
  readonly claim: { readonly retries: number; readonly retryIntervalMs: number }
  readonly fetch: ResolvedFetchOptions
  readonly errorBufferSize: number
  readonly stopTimeoutMs: number
  readonly logger: Logger
}

export interface ResolvedZooKeeperOptions {
  /** `host:port`, at least one. */
  readonly servers: readonly string[]
  /** '' or `/a/b`, without a trailing slash. */
  readonly chroot: string
  readonly sessionTimeoutMs: number
  readonly connectTimeoutMs: number
}

export interface ResolvedKafkaOptions {
  /** Null: read them from ZooKeeper. */
  readonly brokers: readonly { readonly host: string; readonly port: number }[] | null
  readonly connection: KafkaConnectionOptions
}

export interface ResolvedFetchOptions {
  readonly maxBytesPerPartition: number
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBufferedBytes: number
  readonly maxBatchBytes: number
  readonly isolation: IsolationLevel
}
