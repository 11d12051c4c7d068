import { Coordinator } from '#src/coordinator/coordinator.js'
import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import { ZooKeeperGroupStorage } from '#src/coordinator/storage/zookeeper/zookeeper-group-storage.js'
import type { ThreadPool } from '#src/coordinator/threads/thread-pool.js'
import { GroupEvents } from '#src/events.js'
import { resolveOptions } from '#src/options/resolve.js'
import type { RunGroupOptions } from '#src/options/types.js'
import { deferred } from '#src/shared/deferred.js'
import { silentLogger } from '#src/shared/logger.js'
import { GroupMemory } from '#src/shared/memory/group-memory.js'
import { WorkerMemory } from '#src/shared/memory/worker-memory.js'
import { atEnd, type Owner } from './cleanup.ts'

const STOP_MS = 10_000

/**
 * A member whose group side is the real one, from its session to its claims, and whose lanes run nowhere: as many of
 * them fit into a process as a test of the group's protocol needs.
 */
export interface ThreadlessMember {
  readonly coordinator: Coordinator
  readonly events: GroupEvents
}

/** Not started; stopped when the test ends. */
export function threadlessMember(owner: Owner, given: RunGroupOptions): ThreadlessMember {
  const options = resolveOptions({ logger: silentLogger, ...given, threads: 1 })
  if (options.zookeeper === null) throw new Error('a member without threads needs `zookeeper`')
  const events = new GroupEvents(options.errorBufferSize, options.logger)
  const coordinator = new Coordinator({
    options,
    events,
    storage: new ZooKeeperGroupStorage({ ...options.zookeeper, logger: options.logger }),
    memory: new GroupMemory(),
    cluster: new KafkaCluster({ connection: options.kafka.connection, logger: options.logger }),
    createPool: noThreads,
  })
  atEnd(owner, () => coordinator.stop(STOP_MS))
  return { coordinator, events }
}

/** A pool of one thread that obeys at once and does nothing. */
function noThreads(): ThreadPool {
  const exit = deferred<null>()
  const obey = (): Promise<void> => Promise.resolve()
  const end = (): Promise<void> => {
    exit.resolve(null)
    return Promise.resolve()
  }
  const thread = {
    threadId: 0,
    memory: new WorkerMemory(),
    ended: exit.promise,
    hasExited: false,
    isRunning: true,
    handledBefore: 0,
    creditHandled: () => {},
    loadHandler: obey,
    whenReady: obey,
    updateLeaders: obey,
    startLane: obey,
    drainLane: obey,
    abortLane: obey,
    setPaused: obey,
    stop: end,
    terminate: end,
  }
  return { threads: [thread], all: [thread], loadHandlers: obey, stop: end } as unknown as ThreadPool
}
