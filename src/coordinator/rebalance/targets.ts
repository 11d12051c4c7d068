import { toLoggable } from '../../shared/loggable-error.ts'
import type { Logger } from '../../shared/logger.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import type { WantedPartition } from '../assignment/assignment.ts'
import type { AssignmentKind } from '../assignment/negotiate.ts'
import { drainPatience } from '../partitions/drain-patience.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { PartitionSet } from '../partitions/partition-set.ts'

export interface TargetsHost {
  readonly partitions: PartitionSet
  /** Begins to decide where lanes are to run that are about to be claimed. */
  place(coming: readonly TopicPartition[]): void
  /** Partitions were claimed or given up. */
  rebalanced(): void
  readonly stopSignal: AbortSignal
  readonly logger: Logger
}

/**
 * What this member should own, and the steps that lead there: partitions that go are drained, committed and released,
 * those that come are claimed the instant their holder lets go. Those that stay are not touched.
 */
export class Targets {
  readonly #host: TargetsHost
  #wanted: readonly WantedPartition[] = []
  #patience = drainPatience('balanced')
  readonly #claiming = new Set<Promise<void>>()

  constructor(host: TargetsHost) {
    this.#host = host
  }

  get wanted(): readonly WantedPartition[] {
    return this.#wanted
  }

  /** Nothing is wanted until the group has decided anew: the session that claims were made in is over. */
  clear(): void {
    this.#wanted = []
  }

  retarget(wanted: readonly WantedPartition[], assignBy: AssignmentKind): void {
    this.#wanted = wanted
    this.#patience = drainPatience(assignBy)
    const names = new Set(wanted.map(partitionName))
    for (const one of this.#host.partitions.all) {
      if (!names.has(partitionName(one)) && !one.isUnwanted) void this.#giveUp(one)
    }
    void this.claim()
  }

  /** Resolves when every wanted partition was claimed, or found to be held by another member. One that takes long holds up no later one. Never rejects. */
  async claim(): Promise<void> {
    const claiming = this.#claimMissing().finally(() => this.#claiming.delete(claiming))
    this.#claiming.add(claiming)
    await Promise.all(this.#claiming)
  }

  /** Gives a partition up, perhaps at another position, and claims it again: within one epoch a floor never moves back. */
  async restart(one: OwnedPartition, reason: string, nextOffset?: Offset): Promise<void> {
    try {
      await this.#host.partitions.release(one, { reason, patience: this.#patience, nextOffset })
    } catch (error) {
      this.#tellFailedRelease(one, error)
    }
    await this.claim()
  }

  async #claimMissing(): Promise<void> {
    const { partitions } = this.#host
    const coming = this.#wanted.filter(partition => partitions.get(partition) === undefined)
    if (coming.length === 0 || this.#isStopping()) return
    this.#host.place(coming)
    const asked = await partitions.acquire(coming)
    if (asked > 0 && !this.#isStopping()) this.#host.rebalanced()
  }

  async #giveUp(one: OwnedPartition): Promise<void> {
    try {
      const reason = 'another member is to own it'
      await this.#host.partitions.release(one, { reason, patience: this.#patience })
    } catch (error) {
      this.#tellFailedRelease(one, error)
    }
    if (this.#isStopping()) return
    this.#host.rebalanced()
    await this.claim() // it may be wanted again
  }

  /** What could not be stored was told as an error event; the claim is over all the same. */
  #tellFailedRelease(one: OwnedPartition, error: unknown): void {
    this.#host.logger.warn({ partition: partitionName(one), err: toLoggable(error) }, 'a release failed')
  }

  #isStopping(): boolean {
    return this.#host.stopSignal.aborted
  }
}
