import os from 'node:os'
import type { KafkaConnectionOptions } from '../shared/kafka/connection-options.ts'
import type { ResolvedKafkaOptions, ResolvedOptions, ResolvedZooKeeperOptions } from './types.ts'

type DefaultedKeys =
  | 'offsetReset'
  | 'errorBufferSize'
  | 'ordering'
  | 'lanesPerPartition'
  | 'ringBytesPerPartition'
  | 'missingTopics'
  | 'stopTimeoutMs'
  | 'commit'
  | 'claim'
  | 'fetch'
  | 'retry'
  | 'onFailure'
  | 'failGroup'
  | 'handlerTimeoutMs'
  | 'concurrency'
  | 'batchSize'
  | 'batchWaitMs'
  | 'threadMemoryMb'

interface Defaults extends Pick<ResolvedOptions, DefaultedKeys> {
  readonly zookeeper: Omit<ResolvedZooKeeperOptions, 'servers'>
  readonly kafka: Pick<ResolvedKafkaOptions, 'brokers' | 'metadataMaxAgeMs'> & KafkaConnectionOptions
}

/**
 * The only place where a default is written. Those of the first block are the original's. Not here because they are
 * made at each start: `memberId` (member-id.ts) and `logger` (shared/logger.ts).
 */
export const DEFAULTS: Defaults = {
  offsetReset: 'latest',
  errorBufferSize: 1_024,
  commit: { intervalMs: 10_000, auto: true },
  claim: { retries: 5, retryIntervalMs: 3_000 },
  zookeeper: { chroot: '', sessionTimeoutMs: 6_000, connectTimeoutMs: 10_000 },

  kafka: {
    brokers: null,
    clientId: 'kafka-worker-group',
    ssl: null,
    sasl: null,
    connectionTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    metadataMaxAgeMs: 30_000,
  },
  ordering: 'partition',
  lanesPerPartition: 64,
  ringBytesPerPartition: 16_777_216,
  missingTopics: 'fail',
  fetch: {
    maxBytesPerPartition: 1_048_576,
    maxWaitMs: 500,
    minBytes: 1,
    maxBufferedBytes: 67_108_864,
    maxBatchBytes: 67_108_864,
    isolation: 'read_committed',
  },
  retry: { attempts: 3, backoffMs: 500, maxBackoffMs: 30_000, jitter: 0.5 },
  onFailure: 'stop',
  failGroup: false,
  handlerTimeoutMs: null,
  concurrency: 1,
  batchSize: 1,
  batchWaitMs: 0,
  threadMemoryMb: null,
  stopTimeoutMs: 30_000,
}

/** Where the dead letters of a group go if nothing else is said. */
export function defaultDeadLetterTopic(groupId: string): string {
  return `${groupId}.dead-letters`
}

/** Cores this process may use, also within a container. */
export function defaultThreads(): number {
  return os.availableParallelism()
}
