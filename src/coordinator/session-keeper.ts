import type { GroupEvents } from '../events.ts'
import { Backoff } from '../shared/backoff.ts'
import { monotonicMs } from '../shared/clock.ts'
import { GroupError, isGroupError, messageOf } from '../shared/errors.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { Logger } from '../shared/logger.ts'
import type { GroupMemory, Lease } from '../shared/memory/group-memory.ts'
import type { StateMachine } from '../shared/state-machine.ts'
import type { TopicPartition } from '../shared/types.ts'
import type { GroupState } from './group-state.ts'
import type { OwnedPartition } from './owned-partition.ts'
import type { PartitionSet } from './partition-set.ts'
import type { Claim, GroupStorage, GroupStorageListener, MemberDescription } from './storage/group-storage.ts'

const REJOIN_BACKOFF = { initialMs: 100, maxMs: 3000 }
const ACQUIRE_AGAIN = { initialMs: 200, maxMs: 3000 }

export interface SessionKeeperParts {
  readonly groupId: string
  readonly member: MemberDescription
  readonly storage: GroupStorage
  readonly memory: GroupMemory
  readonly events: GroupEvents
  readonly state: StateMachine<GroupState>
  readonly partitions: PartitionSet
  readonly wanted: () => readonly TopicPartition[]
  /** Aborts when the group stops. */
  readonly stopSignal: AbortSignal
  readonly logger: Logger
  readonly report: (error: GroupError) => void
  readonly fail: (error: GroupError) => void
}

/**
 * What the storage's session means for the group. A lease that ran out suspends it: no handler starts, claims may
 * survive. An expired session voids every claim: their lanes end uncommitted, a new session joins and claims afresh.
 */
export class SessionKeeper implements GroupStorageListener {
  readonly #parts: SessionKeeperParts
  readonly #acquireTimers = new Set<NodeJS.Timeout>()
  readonly #acquireBackoff = new Backoff(ACQUIRE_AGAIN)
  #lease: Lease | null = null
  /** Counts expiries: work begun for an older session finds it changed after its awaits and gives up. */
  #generation = 0

  constructor(parts: SessionKeeperParts) {
    this.#parts = parts
  }

  get leaseRemainingMs(): number {
    return this.#lease === null ? 0 : this.#lease.monoMs - monotonicMs()
  }

  async join(signal: AbortSignal): Promise<void> {
    await this.#parts.storage.join(this.#parts.groupId, this.#parts.member, signal)
  }

  /** No more second tries. Idempotent. */
  stop(): void {
    for (const timer of this.#acquireTimers) clearTimeout(timer)
    this.#acquireTimers.clear()
  }

  leaseRenewed(lease: Lease): void {
    this.#lease = lease
    this.#parts.memory.renewLease(lease)
    if (!this.#parts.state.is('suspended')) return
    this.#parts.state.moveTo('running', 'the lease was renewed')
    this.#parts.events.emit('session:restored', { sameClaims: true })
  }

  leaseOver(): void {
    this.#parts.memory.endLease()
    if (!this.#parts.state.is('running')) return
    this.#parts.state.moveTo('suspended', 'the lease is over')
    this.#parts.events.emit('session:lost', { reason: 'the storage did not confirm the session in time' })
  }

  disconnected(): void {
    this.#parts.logger.warn(
      {},
      'disconnected from the group storage; claims stay valid until the lease is over',
    )
  }

  restored(): void {
    this.#parts.logger.info({}, 'connected to the group storage again, within the session')
  }

  expired(): void {
    this.#parts.memory.endLease()
    if (!this.#parts.state.is('joining', 'running', 'suspended', 'rejoining')) return // starting fails by itself, stopping needs no session
    const wasRunning = this.#parts.state.is('running')
    if (!this.#parts.state.is('rejoining')) this.#parts.state.moveTo('rejoining', 'the session expired')
    if (wasRunning) this.#parts.events.emit('session:lost', { reason: 'the session expired' })
    this.#generation += 1
    void this.#rejoin(this.#generation)
  }

  claimLost(claim: Claim, reason: GroupError): void {
    const partition = this.#parts.partitions.ofClaim(claim)
    if (partition === undefined) return
    this.#parts.report(reason)
    void this.#reacquire(partition, reason.message, this.#generation)
  }

  foreignWrite(_claim: Claim, details: GroupError): void {
    this.#parts.report(details)
  }

  /** The claim of a partition could not be asked for: again in a while, unless a rejoin will do it anyway. */
  acquireFailed(partition: OwnedPartition, error: unknown): void {
    if (this.#parts.stopSignal.aborted || this.#parts.state.is('rejoining')) return
    this.#parts.logger.warn(
      { topic: partition.topic, partition: partition.partition, err: toLoggable(error) },
      'a claim failed; trying again',
    )
    const generation = this.#generation
    const timer = setTimeout(() => {
      this.#acquireTimers.delete(timer)
      if (generation === this.#generation) void this.#parts.partitions.acquire([partitionOf(partition)])
    }, this.#acquireBackoff.nextDelayMs())
    this.#acquireTimers.add(timer)
  }

  async #rejoin(generation: number): Promise<void> {
    try {
      const joined = this.#joinAgain(generation)
      const abandoned = this.#parts.partitions.all.map(partition =>
        this.#parts.partitions.abandon([partition], 'the session expired'),
      )
      await joined
      if (this.#isStale(generation)) return // expired again, or stopping
      this.#parts.state.moveTo('running', 'joined under a new session')
      this.#parts.events.emit('session:restored', { sameClaims: false })
      // Partitions whose old handler has ended are claimed at once; one that is stuck in its handler holds up only itself.
      await Promise.all([
        this.#acquireUnheld(generation),
        ...abandoned.map(async ending => {
          await ending
          await this.#acquireUnheld(generation)
        }),
      ])
    } catch (error) {
      if (!this.#isStale(generation)) this.#parts.fail(asGroupError(error))
    }
  }

  async #acquireUnheld(generation: number): Promise<void> {
    if (!this.#isStale(generation)) await this.#parts.partitions.acquire(this.#parts.wanted())
  }

  async #joinAgain(generation: number): Promise<void> {
    const backoff = new Backoff(REJOIN_BACKOFF)
    for (;;) {
      try {
        await this.join(this.#parts.stopSignal)
        return
      } catch (error) {
        if (this.#isStale(generation)) return
        if (!isGroupError(error) || !error.retryable) throw error
        this.#parts.logger.warn({ err: toLoggable(error) }, 'joining again failed; trying on')
        await backoff.wait(this.#parts.stopSignal)
      }
    }
  }

  async #reacquire(partition: OwnedPartition, reason: string, generation: number): Promise<void> {
    await this.#parts.partitions.abandon([partition], reason)
    if (this.#isStale(generation) || this.#parts.state.is('rejoining')) return // the rejoin claims it
    await this.#parts.partitions.acquire([partitionOf(partition)])
  }

  #isStale(generation: number): boolean {
    return generation !== this.#generation || this.#parts.stopSignal.aborted
  }
}

function partitionOf(partition: OwnedPartition): TopicPartition {
  return { topic: partition.topic, partition: partition.partition }
}

function asGroupError(error: unknown): GroupError {
  return isGroupError(error)
    ? error
    : new GroupError('INTERNAL', `rejoining: ${messageOf(error)}`, { cause: error })
}
