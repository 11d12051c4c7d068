import { asGroupError, GroupError, isGroupError } from '../shared/errors.ts'
import { partitionName, type TopicPartition } from '../shared/types.ts'
import { noBrokers } from './coordinator-errors.ts'
import { CoordinatorParts, type CoordinatorChoices } from './coordinator-parts.ts'
import type { GroupState } from './group-state.ts'
import type { PartitionSet } from './partitions/partition-set.ts'
import { refuseMixedGroup } from './rebalance/mixed-group.ts'
import type { WorkerThread } from './threads/worker-thread.ts'

/**
 * Drives the group: start, join, claims, stop. Runs on the user's thread, executes none of the user's code there and
 * decodes no record; its cost is per partition and tick.
 */
export class Coordinator {
  readonly #choices: CoordinatorChoices
  readonly #parts: CoordinatorParts
  /** Aborts whatever the start or a rejoin waits for, once stopping. */
  readonly #stopSignal = new AbortController()
  #stopped: Promise<void> | null = null
  #finish: { resolve: () => void; reject: (error: Error) => void } = { resolve() {}, reject() {} }
  /** Resolves when stopped, rejects with the error that the group failed with. */
  readonly finished = new Promise<void>((resolve, reject) => {
    this.#finish = { resolve, reject }
  })

  constructor(choices: CoordinatorChoices) {
    this.#choices = choices
    this.finished.catch(() => {}) // the group tells its failure as an error event too; a program need not wait for `finished`
    this.#parts = new CoordinatorParts(choices, {
      stopSignal: this.#stopSignal.signal,
      fail: error => void this.fail(error),
    })
  }

  get state(): GroupState {
    return this.#parts.state.state
  }

  get threads(): readonly WorkerThread[] {
    return this.#parts.pool.threads
  }

  get partitions(): PartitionSet {
    return this.#parts.partitions
  }

  get leaseRemainingMs(): number {
    return this.#parts.session.leaseRemainingMs
  }

  /** Resolves once joined and the first claims are made; rejects, with everything undone, if that cannot be. */
  async start(): Promise<void> {
    try {
      const partitions = await this.#check()
      this.#parts.state.moveTo('joining', 'everything checked')
      await this.#enter(partitions)
      if (this.#choices.options.commit.auto) this.#parts.committer.start()
      this.#parts.balancer.start()
      this.#parts.deadlines?.start()
      this.#parts.alarm.start()
      await this.#parts.rebalancer.trigger()
      await this.#parts.targets.claim()
      this.#throwIfStopping()
      this.#parts.topics.start()
    } catch (error) {
      // A stop ends threads and connections under the start: what then fails is the stop's doing.
      const reason: unknown = this.#stopSignal.signal.aborted ? this.#stopSignal.signal.reason : error
      const fatal = asGroupError(reason, 'starting the group')
      await this.fail(fatal)
      throw fatal
    }
  }

  /** Drain, commit, release, leave. The same promise when called twice. Ends within the deadline, whatever handlers do. */
  stop(timeoutMs: number): Promise<void> {
    this.#stopped ??= this.#stop(timeoutMs, null)
    return this.#stopped
  }

  /** Like stop, but the group ends as failed with this error. The first cause wins. */
  fail(error: GroupError): Promise<void> {
    this.#stopped ??= this.#stop(this.#choices.options.stopTimeoutMs, error)
    return this.#stopped
  }

  /** Commits what is finished now. */
  async commit(): Promise<void> {
    if (!this.#parts.state.is('running', 'suspended', 'rejoining'))
      throw new GroupError('NOT_RUNNING', `commit() needs a running group; this one is ${this.state}`)
    await this.#parts.committer.commitAll()
  }

  setPaused(paused: boolean, topic?: string, partition?: number): void {
    this.#parts.pauses.set(paused, topic, partition)
    for (const one of this.#parts.partitions.all) {
      one
        .setPaused(this.#parts.pauses.isPaused(one))
        .catch((error: unknown) =>
          this.#parts.reports.error(asGroupError(error, `pausing ${partitionName(one)}`)),
        )
    }
  }

  /** Everything that can be wrong is found here, before anything is written. Answers the partitions that there are. */
  async #check(): Promise<readonly TopicPartition[]> {
    const { options, storage, cluster } = this.#choices
    await this.#parts.pool.loadHandlers()
    this.#throwIfStopping()
    await storage.open(this.#parts.session)
    this.#throwIfStopping()
    const brokers = options.kafka.brokers ?? (await storage.listBrokers())
    if (brokers.length === 0) throw noBrokers()
    await cluster.connect(brokers)
    this.#throwIfStopping()
    const partitions = await this.#parts.topics.find()
    await storage.readOffsets(options.groupId, options.topics) // a corrupt one is found now, while nothing is claimed
    await this.#parts.leaders.refresh()
    await this.#parts.deadLetters?.start()
    this.#throwIfStopping()
    return partitions
  }

  /**
   * Joins, and does what comes before the first claim; all of it again in a new session if one ends meanwhile. Nothing is
   * claimed before: what is pinned tells others which partitions there were. Running before the claims: the first lanes may
   * run while others still wait for a thread that is inside a handler.
   */
  async #enter(partitions: readonly TopicPartition[]): Promise<void> {
    const { session, starts, groupPath } = this.#parts
    for (;;) {
      const { generation } = session
      try {
        await session.join()
        await refuseMixedGroup(this.#choices.storage, `${groupPath}/ids`, this.#stopSignal.signal) // before anything else is written
        await starts.pinMissing(partitions)
        this.#throwIfStopping() // the awaits above may have let a stop in
        if (generation !== session.generation) continue
        session.enterRunning('joined') // in this very turn: an expiry from now on begins a rejoin
        return
      } catch (error) {
        this.#throwIfStopping()
        if (!isGroupError(error, 'SESSION_EXPIRED')) throw error
      }
    }
  }

  async #stop(timeoutMs: number, cause: GroupError | null): Promise<void> {
    const { state } = this.#parts
    const isMember = state.is('joining', 'running')
    state.moveTo('stopping', cause?.code ?? 'stop() was called')
    this.#stopSignal.abort(cause ?? new GroupError('NOT_RUNNING', 'the group is stopping'))
    await this.#parts.createStop(timeoutMs, signal => this.#announceLeave(isMember, signal)).run()
    this.#end(cause)
  }

  async #announceLeave(isMember: boolean, signal: AbortSignal): Promise<void> {
    await this.#parts.rebalancer.stop()
    if (!isMember || this.#choices.storage.sessionState !== 'connected') return
    await this.#parts.look.announceLeave(signal).catch((error: unknown) => {
      if (!isGroupError(error, 'NOT_RUNNING')) throw error // else it was about to join: nobody counts on it yet
    })
  }

  #end(cause: GroupError | null): void {
    if (cause === null) {
      this.#parts.state.moveTo('stopped', 'everything ended')
      this.#finish.resolve()
      return
    }
    this.#parts.state.moveTo('failed', cause.code)
    this.#parts.reports.error(cause)
    this.#finish.reject(cause)
  }

  #throwIfStopping(): void {
    this.#stopSignal.signal.throwIfAborted()
  }
}
