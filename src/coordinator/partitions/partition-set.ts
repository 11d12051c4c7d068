import { deferred } from '../../shared/deferred.ts'
import type { Logger } from '../../shared/logger.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import type { WantedPartition } from '../assignment/assignment.ts'
import { RELANE, VOID, type DrainPatience } from './drain-patience.ts'
import { DrainWatch } from './drain-watch.ts'
import type { OwnedPartitionHost } from './owned-partition-host.ts'
import { OwnedPartition } from './owned-partition.ts'
import type { Claim } from '../storage/group-storage.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'

export interface PartitionSetHost extends Omit<OwnedPartitionHost, 'refused' | 'watchRelane'> {
  /** A claim stayed refused for as long as the options allow; the partition is still waited for. */
  claimRefused(partition: OwnedPartition): void
  /** A handler of the partition goes on although it was told to give up: its thread is to be ended. */
  cut(partition: OwnedPartition): void
  /** A claim could not even be asked for. */
  acquireFailed(partition: OwnedPartition, error: unknown): void
}

/** How a partition is given up. */
export interface Release {
  readonly reason: string
  readonly patience: DrainPatience
  readonly nextOffset?: Offset | undefined
}

/** The partitions this member should own: claims them, gives them up, and finds them by name. */
export class PartitionSet {
  readonly #host: PartitionSetHost
  readonly #refusalMs: number
  readonly #logger: Logger
  readonly #partitions = new Map<string, OwnedPartition>()
  readonly #refusalTimers = new Map<OwnedPartition, NodeJS.Timeout>()
  /** Records finished under claims that are over. */
  #handledBefore = 0
  /** Nothing is claimed any more. */
  #isClosed = false

  /** `refusalMs`: how long a claim may stay refused before it is reported (claim.retries × claim.retryIntervalMs). */
  constructor(host: PartitionSetHost, refusalMs: number, logger: Logger) {
    this.#host = host
    this.#refusalMs = refusalMs
    this.#logger = logger
  }

  get all(): readonly OwnedPartition[] {
    return [...this.#partitions.values()]
  }

  get handled(): number {
    return this.all.reduce((sum, partition) => sum + partition.handled, this.#handledBefore)
  }

  get(of: TopicPartition): OwnedPartition | undefined {
    return this.#partitions.get(partitionName(of))
  }

  ofClaim(claim: Claim): OwnedPartition | undefined {
    const partition = this.get(claim)
    return partition?.claim?.epoch === claim.epoch ? partition : undefined
  }

  /**
   * Asks for every partition that is not there yet. Resolves when each one was claimed, found to be held by another
   * member, or given up; with how many were asked for.
   */
  async acquire(wanted: readonly WantedPartition[]): Promise<number> {
    if (this.#isClosed) return 0
    const asked: Promise<void>[] = []
    // One after the other: each is there before the next is looked for, so none is claimed twice.
    for (const partition of wanted) {
      if (this.get(partition) === undefined) asked.push(this.#acquireOne(partition))
    }
    await Promise.all(asked)
    return asked.length
  }

  /** Gives one up: drained, committed (what is finished, or `nextOffset`), released. */
  async release(partition: OwnedPartition, { reason, patience, nextOffset }: Release): Promise<void> {
    const watch = this.#watch(partition, reason, patience)
    await this.#releaseOne(partition, reason, nextOffset).finally(() => watch.stop())
  }

  /** Gives all up together, for good; whoever stops the member ends its handlers. Every one is tried; rejects with the first failure. */
  async releaseAll(reason: string): Promise<void> {
    this.#isClosed = true
    const results = await Promise.allSettled(this.all.map(partition => this.#releaseOne(partition, reason)))
    const failed = results.find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** Ends the lanes of void claims; resolves when no handler of theirs runs any more. They are told to give up at once, and cut if they do not. */
  async abandon(partitions: readonly OwnedPartition[], reason: string): Promise<void> {
    await Promise.all(partitions.map(partition => this.#abandonOne(partition, reason)))
  }

  async #abandonOne(partition: OwnedPartition, reason: string): Promise<void> {
    const watch = this.#watch(partition, reason, VOID)
    await partition.abandon(reason).finally(() => {
      watch.stop()
      this.#forget(partition)
    })
  }

  #watch(partition: OwnedPartition, reason: string, patience: DrainPatience): DrainWatch {
    return new DrainWatch(partition, reason, patience, {
      isBlockedByOther: () => this.#isBlockedByOther(partition),
      cut: () => this.#host.cut(partition),
    })
  }

  #isBlockedByOther(partition: OwnedPartition): boolean {
    const { threads } = partition
    return threads.length > 0 && threads.every(thread => this.#isBusyWithOther(thread, partition))
  }

  /** Of a thread that does not hear: what runs in it is another partition's, if not surely this one's. */
  #isBusyWithOther(thread: WorkerThread, partition: OwnedPartition): boolean {
    const others = this.all.filter(one => one !== partition).flatMap(one => one.inHandOn(thread))
    if (others.some(({ inHand }) => inHand === 'slice')) return true
    return others.length > 0 && partition.inHandOn(thread).length === 0
  }

  async #releaseOne(partition: OwnedPartition, reason: string, nextOffset?: Offset): Promise<void> {
    await partition.release(reason, nextOffset).finally(() => this.#forget(partition))
  }

  async #acquireOne(wanted: WantedPartition): Promise<void> {
    const settled = deferred<undefined>()
    const partition = new OwnedPartition(wanted, {
      ...bindHost(this.#host),
      claimed: one => {
        this.#cancelRefusalReport(one)
        this.#host.claimed(one)
        settled.resolve(undefined) // its lane may take long to start: a thread may be inside a handler
      },
      watchRelane: one => this.#watch(one, 'it goes on with other lanes', RELANE),
      refused: (one, holder) => {
        this.#logger.info({ ...wanted, holder }, 'waiting for the holder of a partition')
        this.#reportRefusalLater(one)
        settled.resolve(undefined)
      },
    })
    this.#partitions.set(partitionName(wanted), partition)
    const acquired = partition
      .acquire()
      .catch((error: unknown) => this.#acquireEnded(partition, error))
      .finally(() => this.#cancelRefusalReport(partition))
    await Promise.race([acquired, settled.promise])
  }

  #acquireEnded(partition: OwnedPartition, error: unknown): void {
    if (partition.isUnwanted) return // it was released or abandoned while it waited
    this.#forget(partition)
    this.#host.acquireFailed(partition, error)
  }

  #reportRefusalLater(partition: OwnedPartition): void {
    const timer = setTimeout(() => this.#host.claimRefused(partition), this.#refusalMs)
    this.#refusalTimers.set(partition, timer)
  }

  #cancelRefusalReport(partition: OwnedPartition): void {
    clearTimeout(this.#refusalTimers.get(partition))
    this.#refusalTimers.delete(partition)
  }

  /** Drops a partition whose claim is over. */
  #forget(partition: OwnedPartition): void {
    if (this.get(partition) !== partition) return // a new claim of the same partition has taken its place, or it was forgotten before
    this.#partitions.delete(partitionName(partition))
    this.#handledBefore += partition.handled
    this.#cancelRefusalReport(partition)
  }
}

function bindHost(host: PartitionSetHost): Omit<OwnedPartitionHost, 'refused' | 'watchRelane'> {
  return {
    storage: host.storage,
    resolveStart: claim => host.resolveStart(claim),
    placed: () => host.placed(),
    chooseThread: partition => host.chooseThread(partition),
    replacementOf: thread => host.replacementOf(thread),
    isPaused: partition => host.isPaused(partition),
    generation: () => host.generation(),
    progressRules: host.progressRules,
    ownLanes: host.ownLanes,
    maxInHand: host.maxInHand,
    rings: host.rings,
    runAlone: partition => host.runAlone(partition),
    isHeld: partition => host.isHeld(partition),
    noLongerAlone: partition => host.noLongerAlone(partition),
    killerFound: (partition, error) => host.killerFound(partition, error),
    giveUpReleasing: host.giveUpReleasing,
    claimed: partition => host.claimed(partition),
    released: (partition, reason) => host.released(partition, reason),
    notStored: (partition, error) => host.notStored(partition, error),
    failed: (partition, error) => host.failed(partition, error),
  }
}
