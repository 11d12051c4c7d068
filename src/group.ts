import type { Coordinator } from './coordinator/coordinator.ts'
import type { GroupState } from './coordinator/group-state.ts'
import { StatusReport } from './coordinator/status-report.ts'
import type { GroupStorage } from './coordinator/storage/group-storage.ts'
import type { GroupEventListener, GroupEventName, GroupEvents } from './events.ts'
import { resolveStopTimeoutMs } from './options/resolve.ts'
import type { ResolvedOptions, StopOptions } from './options/types.ts'
import type { GroupStatus } from './status.ts'

/** A running member of a group: what `runGroup` resolves with. */
export class Group implements AsyncDisposable {
  /** The options in force, with every default filled in. */
  readonly options: ResolvedOptions
  readonly #coordinator: Coordinator
  readonly #events: GroupEvents
  readonly #storage: GroupStorage
  readonly #report = new StatusReport()

  constructor(
    options: ResolvedOptions,
    coordinator: Coordinator,
    events: GroupEvents,
    storage: GroupStorage,
  ) {
    this.options = options
    this.#coordinator = coordinator
    this.#events = events
    this.#storage = storage
  }

  get memberId(): string {
    return this.options.memberId
  }

  get groupId(): string {
    return this.options.groupId
  }

  get state(): GroupState {
    return this.#coordinator.state
  }

  /** Resolves when the group has stopped; rejects with the first fatal error (a GroupError). */
  get finished(): Promise<void> {
    return this.#coordinator.finished
  }

  /**
   * Drains, commits, releases and leaves. Resolves when everything has ended, at the latest when the deadline is over:
   * then signals have aborted and threads were terminated (an error event STOP_TIMEOUT tells). Calling it again gives
   * the same promise. Never rejects.
   *
   * @throws GroupError CONFIG_INVALID at once for options that cannot be kept; then nothing is stopped.
   */
  stop(options: StopOptions = {}): Promise<void> {
    return this.#coordinator.stop(resolveStopTimeoutMs(options, this.options.stopTimeoutMs))
  }

  /** Commits what is finished now. LEASE_OVER, NOT_RUNNING, CLAIM_LOST, SESSION_EXPIRED, ZOOKEEPER_DISCONNECTED. */
  commit(): Promise<void> {
    return this.#coordinator.commit()
  }

  /** Takes no further record of a partition, a topic, or anything; what is in hand is finished. Holds across claims. */
  pause(topic?: string, partition?: number): void {
    this.#coordinator.setPaused(true, topic, partition)
  }

  /** Takes back a pause. The newest word on a partition counts. */
  resume(topic?: string, partition?: number): void {
    this.#coordinator.setPaused(false, topic, partition)
  }

  /** A snapshot. Shares of busy time count from the last call. */
  status(): GroupStatus {
    const owned = this.#coordinator.partitions.all
    const partitions = owned.map(partition => this.#report.partition(partition))
    return {
      groupId: this.groupId,
      memberId: this.memberId,
      state: this.state,
      session: {
        state: this.#storage.sessionState,
        timeoutMs: this.#storage.sessionTimeoutMs,
        leaseRemainingMs: this.#coordinator.leaseRemainingMs,
      },
      partitions,
      workers: this.#coordinator.threads.map(thread =>
        this.#report.worker(
          thread,
          owned.filter(partition => partition.isOn(thread)),
        ),
      ),
      handled: this.#coordinator.partitions.handled,
      lag: partitions.reduce((sum, partition) => sum + (partition.lag ?? 0), 0),
    }
  }

  on<E extends GroupEventName>(event: E, listener: GroupEventListener<E>): this {
    this.#events.on(event, listener)
    return this
  }

  off<E extends GroupEventName>(event: E, listener: GroupEventListener<E>): this {
    this.#events.off(event, listener)
    return this
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
