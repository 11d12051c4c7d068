import { Coordinator } from './coordinator/coordinator.ts'
import { KafkaCluster } from './coordinator/kafka/cluster.ts'
import type { GroupStorage } from './coordinator/storage/group-storage.ts'
import { securityProtocolOf } from './coordinator/storage/zookeeper/broker-discovery.ts'
import { ZooKeeperGroupStorage } from './coordinator/storage/zookeeper/zookeeper-group-storage.ts'
import { ThreadPool } from './coordinator/threads/thread-pool.ts'
import { GroupEvents } from './events.ts'
import { Group } from './group.ts'
import { handlerUrl } from './handler-url.ts'
import { resolveOptions } from './options/resolve.ts'
import type { ResolvedOptions, RunGroupOptions } from './options/types.ts'
import { GroupError } from './shared/errors.ts'
import { GroupMemory } from './shared/memory/group-memory.ts'
import type { WorkerSettings } from './shared/protocol.ts'

/**
 * Runs a member of a consumer group in this process: the handler module on a pool of worker threads, the membership
 * on this one. Resolves once the member has joined and its first claims are made.
 *
 * @param handlerModule - Path (relative to the working directory), file URL string or URL of the module that handles
 *   records; each thread imports it once. See `HandlerModule` for what it may export.
 * @throws GroupError before anything is claimed or written: CONFIG_INVALID, HANDLER_MODULE_INVALID,
 *   HANDLER_SETUP_FAILED, ZOOKEEPER_UNREACHABLE, BROKERS_NOT_FOUND, BROKERS_UNREACHABLE, TOPIC_NOT_FOUND,
 *   OFFSET_CORRUPT, MEMBER_ID_TAKEN, MIXED_GROUP_UNSUPPORTED.
 */
export async function runGroup(handlerModule: string | URL, options: RunGroupOptions): Promise<Group> {
  const { group, joined } = startGroup(handlerModule, options)
  await joined
  return group
}

/** The same, with the group in hand while it still starts: `stop()` then cancels the start, and `joined` rejects. */
export function startGroup(
  handlerModule: string | URL,
  given: RunGroupOptions,
): { group: Group; joined: Promise<void> } {
  const options = resolveOptions(given)
  const events = new GroupEvents(options.errorBufferSize, options.logger)
  const storage = createStorage(options)
  const memory = new GroupMemory()
  const settings = workerSettings(options, handlerUrl(handlerModule))
  const coordinator = new Coordinator({
    options,
    events,
    storage,
    memory,
    cluster: new KafkaCluster({ connection: options.kafka.connection, logger: options.logger }),
    createPool: listener =>
      new ThreadPool(
        {
          threads: options.threads,
          settings,
          feederSettings: { ...settings, maxBufferedBytes: options.fetch.maxBufferedBytes },
          groupMemory: memory.buffer,
          threadMemoryMb: options.threadMemoryMb,
          logger: options.logger,
        },
        listener,
      ),
  })
  return { group: new Group(options, coordinator, events, storage), joined: coordinator.start() }
}

function createStorage(options: ResolvedOptions): GroupStorage {
  if (options.storage !== null) return options.storage
  if (options.zookeeper === null)
    throw new GroupError('INTERNAL', 'resolved options have neither a storage nor zookeeper')
  return new ZooKeeperGroupStorage({
    ...options.zookeeper,
    logger: options.logger,
    brokerProtocol: securityProtocolOf(options.kafka.connection),
  })
}

function workerSettings(options: ResolvedOptions, url: string): WorkerSettings {
  const { fetch } = options
  return {
    groupId: options.groupId,
    memberId: options.memberId,
    handlerUrl: url,
    connection: withoutFunctions(options.kafka.connection),
    maxBufferedBytes: Math.floor(fetch.maxBufferedBytes / options.threads),
    maxBytesPerPartition: fetch.maxBytesPerPartition,
    maxWaitMs: fetch.maxWaitMs,
    minBytes: fetch.minBytes,
    maxBatchBytes: fetch.maxBatchBytes,
    readCommitted: fetch.isolation === 'read_committed',
    retry: options.retry,
    onFailure: options.onFailure,
    handlerTimeoutMs: options.handlerTimeoutMs,
    ordering: options.ordering,
    batchSize: options.batchSize,
    batchWaitMs: options.batchWaitMs,
  }
}

/** Functions do not cross threads: workers ask the coordinator for tokens. */
function withoutFunctions(connection: WorkerSettings['connection']): WorkerSettings['connection'] {
  const { sasl } = connection
  return {
    ...connection,
    sasl: sasl?.mechanism === 'oauthbearer' ? ({ mechanism: 'oauthbearer' } as typeof sasl) : sasl,
  }
}
