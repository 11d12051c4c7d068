import type { GroupEvents } from '../events.ts'
import { Backoff } from '../shared/backoff.ts'
import { monotonicMs } from '../shared/clock.ts'
import { asGroupError, isGroupError, type GroupError } from '../shared/errors.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { Logger } from '../shared/logger.ts'
import type { GroupMemory, Lease } from '../shared/memory/group-memory.ts'
import type { StateMachine } from '../shared/state-machine.ts'
import { partitionName, type TopicPartition } from '../shared/types.ts'
import type { WantedPartition } from './assignment/assignment.ts'
import type { GroupState } from './group-state.ts'
import type { OwnedPartition } from './partitions/owned-partition.ts'
import type { PartitionSet } from './partitions/partition-set.ts'
import type { Claim, GroupStorage, GroupStorageListener, MemberDescription } from './storage/group-storage.ts'

const REJOIN_BACKOFF = { initialMs: 100, maxMs: 3000 }
const ACQUIRE_AGAIN = { initialMs: 200, maxMs: 3000 }

/** What keeps a partition from being claimed. */
interface AcquireTrouble {
  readonly code: string
  readonly backoff: Backoff
}

export interface SessionKeeperParts {
  readonly groupId: string
  readonly member: MemberDescription
  readonly storage: GroupStorage
  readonly memory: GroupMemory
  readonly events: GroupEvents
  readonly state: StateMachine<GroupState>
  readonly partitions: PartitionSet
  readonly wanted: () => readonly WantedPartition[]
  /** The session is over: whatever was wanted is to be decided anew. */
  readonly expired: () => void
  /** Joined again; resolves when it is decided what is wanted now. */
  readonly rejoined: () => Promise<void>
  /** Aborts when the group stops. */
  readonly stopSignal: AbortSignal
  readonly logger: Logger
  readonly report: (error: GroupError) => void
  readonly fail: (error: GroupError) => void
  /** Who is in the group, or what it has agreed on, may have changed. */
  readonly groupChanged: (what: 'members' | 'plan') => void
  /** Topics may have changed. */
  readonly topicsChanged: () => void
  /** Partitions were claimed that were lost, or not claimed before. */
  readonly rebalanced: () => void
}

/**
 * What the storage's session means for the group. A lease that ran out suspends it: no handler starts, claims may
 * survive. An expired session voids every claim: their lanes end uncommitted, a new session joins and claims afresh.
 */
export class SessionKeeper implements GroupStorageListener {
  readonly #parts: SessionKeeperParts
  readonly #acquireTimers = new Set<NodeJS.Timeout>()
  readonly #acquireTroubles = new Map<string, AcquireTrouble>()
  #joining: Promise<void> | null = null
  #lease: Lease | null = null
  /** Counts expiries: work begun for an older session finds it changed after its awaits and gives up. */
  #generation = 0

  constructor(parts: SessionKeeperParts) {
    this.#parts = parts
  }

  get leaseRemainingMs(): number {
    return this.#lease === null ? 0 : Math.max(0, this.#lease.monoMs - monotonicMs())
  }

  /** Counts the sessions that ended. */
  get generation(): number {
    return this.#generation
  }

  /** One at a time: an expiry while a join waits must not lead to two. */
  async join(): Promise<void> {
    const { storage, groupId, member, stopSignal } = this.#parts
    this.#joining ??= storage.join(groupId, member, stopSignal).finally(() => {
      this.#joining = null
    })
    await this.#joining
  }

  /** The member takes part from now on; a lease that ran out on the way here suspends it at once. */
  enterRunning(reason: string): void {
    this.#parts.state.moveTo('running', reason)
    if (this.#lease === null) this.leaseOver()
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
    this.#lease = null
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
    this.#lease = null
    this.#parts.memory.voidClaims()
    this.#generation += 1
    // Starting fails by itself, whoever joins for the first time begins that again, and stopping needs no session.
    if (!this.#parts.state.is('running', 'suspended', 'rejoining')) return
    const wasRunning = this.#parts.state.is('running')
    if (!this.#parts.state.is('rejoining')) this.#parts.state.moveTo('rejoining', 'the session expired')
    if (wasRunning) this.#parts.events.emit('session:lost', { reason: 'the session expired' })
    this.#parts.expired()
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

  membersChanged(): void {
    this.#groupChanged('members')
  }

  planChanged(): void {
    this.#groupChanged('plan')
  }

  /** Whoever joins looks by itself when everything is pinned, and may claim nothing before. */
  #groupChanged(what: 'members' | 'plan'): void {
    if (!this.#parts.state.is('joining')) this.#parts.groupChanged(what)
  }

  topicsChanged(): void {
    this.#parts.topicsChanged()
  }

  /** The claim of a partition could not be asked for: again in a while, unless a rejoin will do it anyway. */
  acquireFailed(partition: OwnedPartition, thrown: unknown): void {
    if (this.#parts.stopSignal.aborted || this.#parts.state.is('rejoining')) return
    const { topic, partition: number } = partition
    const error = asGroupError(thrown, `claiming ${partitionName(partition)}`)
    this.#parts.logger.warn(
      { topic, partition: number, err: toLoggable(error) },
      'a claim failed; trying again',
    )
    const generation = this.#generation
    const timer = setTimeout(() => {
      this.#acquireTimers.delete(timer)
      if (generation === this.#generation) void this.#acquire([partitionOf(partition)])
    }, this.#troubleOf(partition, error).nextDelayMs())
    this.#acquireTimers.add(timer)
  }

  /** The claim of the partition was made: what was in the way is over. */
  acquired(partition: TopicPartition): void {
    this.#acquireTroubles.delete(partitionName(partition))
  }

  /** Each cause that will not pass by itself is told once. */
  #troubleOf(partition: TopicPartition, error: GroupError): Backoff {
    const name = partitionName(partition)
    const known = this.#acquireTroubles.get(name)
    if (!error.retryable && known?.code !== error.code) this.#parts.report(error)
    const backoff = known?.backoff ?? new Backoff(ACQUIRE_AGAIN)
    this.#acquireTroubles.set(name, { code: error.code, backoff })
    return backoff
  }

  async #acquire(partitions: readonly TopicPartition[]): Promise<void> {
    const names = new Set(partitions.map(partitionName))
    const wanted = this.#parts.wanted().filter(one => names.has(partitionName(one)))
    const asked = await this.#parts.partitions.acquire(wanted)
    if (asked > 0 && !this.#parts.stopSignal.aborted) this.#parts.rebalanced()
  }

  async #rejoin(generation: number): Promise<void> {
    const abandoned = this.#parts.partitions.all.map(partition =>
      this.#parts.partitions.abandon([partition], 'the session expired'),
    )
    try {
      await this.#joinAgain(generation)
      if (this.#isStale(generation)) return // expired again, or stopping
      this.enterRunning('joined under a new session')
      this.#parts.events.emit('session:restored', { sameClaims: false })
      await this.#parts.rejoined()
      // Partitions whose old handler has ended are claimed at once; one that is stuck in its handler holds up only itself.
      const claimAfter = async (ending: Promise<void>): Promise<void> => {
        await ending
        if (!this.#isStale(generation)) await this.#acquire(this.#parts.wanted())
      }
      await Promise.all([Promise.resolve(), ...abandoned].map(claimAfter))
    } catch (error) {
      await Promise.allSettled(abandoned)
      if (!this.#isStale(generation)) this.#parts.fail(asGroupError(error, 'rejoining'))
    }
  }

  async #joinAgain(generation: number): Promise<void> {
    const backoff = new Backoff(REJOIN_BACKOFF)
    for (;;) {
      try {
        await this.join()
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
    await this.#acquire([partitionOf(partition)])
  }

  #isStale(generation: number): boolean {
    return generation !== this.#generation || this.#parts.stopSignal.aborted
  }
}

function partitionOf(partition: OwnedPartition): TopicPartition {
  return { topic: partition.topic, partition: partition.partition }
}
