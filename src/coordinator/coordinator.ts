import type { GroupEvents } from '../events.ts'
import type { ResolvedOptions } from '../options/types.ts'
import { monotonicMs, wallMs } from '../shared/clock.ts'
import { asGroupError, GroupError, isGroupError } from '../shared/errors.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { GroupMemory } from '../shared/memory/group-memory.ts'
import type { StateMachine } from '../shared/state-machine.ts'
import { partitionName, type Offset, type TopicPartition } from '../shared/types.ts'
import { Committer } from './committer.ts'
import { EventLoopAlarm } from './event-loop-alarm.ts'
import { claimRefused, loopBlocked, noBrokers, progressNotStored } from './coordinator-errors.ts'
import { createGroupState, type GroupState } from './group-state.ts'
import { GroupStop } from './group-stop.ts'
import type { KafkaCluster } from './kafka/cluster.ts'
import { readBacklogs } from './backlogs.ts'
import { LaneBalancer } from './lane-balancer.ts'
import { LanePlacer } from './lane-placer.ts'
import { LeaderKeeper } from './leader-keeper.ts'
import type { OwnedPartition } from './owned-partition.ts'
import { PartitionSet } from './partition-set.ts'
import { Pauses } from './pauses.ts'
import { GroupLook } from './rebalance/group-look.ts'
import { Rebalancer } from './rebalance/rebalancer.ts'
import { Targets } from './rebalance/targets.ts'
import { SessionKeeper } from './session-keeper.ts'
import { StartOffsets } from './start-offsets.ts'
import type { GroupStorage } from './storage/group-storage.ts'
import type { Weighted } from './threads/placement.ts'
import type { ThreadPool } from './threads/thread-pool.ts'
import type { WorkerThread, WorkerThreadListener } from './threads/worker-thread.ts'
import { MissingTopics, findTopics, missingTopicsError, type TopicSplit } from './topics.ts'
import { Ticker } from './ticker.ts'
import { WorkerDesk } from './worker-desk.ts'

/** How often the brokers are asked whether topics have more partitions. */
const TOPIC_POLL_MS = 30_000

/** Everything the coordinator is made of that has a choice behind it; `run-group.ts` makes it. */
export interface CoordinatorParts {
  readonly options: ResolvedOptions
  readonly events: GroupEvents
  readonly storage: GroupStorage
  readonly cluster: KafkaCluster
  readonly memory: GroupMemory
  readonly createPool: (listener: WorkerThreadListener) => ThreadPool
}

/**
 * Drives the group: start, join, claims, stop. Runs on the user's thread, executes none of the user's code there and
 * decodes no record; its cost is per partition and tick.
 */
export class Coordinator {
  readonly #parts: CoordinatorParts
  readonly #state: StateMachine<GroupState>
  readonly #pool: ThreadPool
  readonly #pauses = new Pauses()
  readonly #partitions: PartitionSet
  readonly #starts: StartOffsets
  readonly #leaders: LeaderKeeper
  readonly #session: SessionKeeper
  readonly #committer: Committer
  readonly #placer: LanePlacer
  readonly #balancer: LaneBalancer
  readonly #alarm: EventLoopAlarm
  readonly #missingTopics: MissingTopics
  /** Aborts whatever the start or a rejoin waits for, once stopping. */
  readonly #stopSignal = new AbortController()
  readonly #look: GroupLook
  readonly #targets: Targets
  readonly #rebalancer: Rebalancer
  readonly #topicPoll = new Ticker(TOPIC_POLL_MS, () => void this.#rebalancer.trigger())
  readonly #giveUpReleasing = new AbortController()
  #stopped: Promise<void> | null = null
  #finish: { resolve: () => void; reject: (error: Error) => void } = { resolve() {}, reject() {} }
  /** Resolves when stopped, rejects with the error that the group failed with. */
  readonly finished = new Promise<void>((resolve, reject) => {
    this.#finish = { resolve, reject }
  })

  constructor(parts: CoordinatorParts) {
    this.#parts = parts
    const { options, events, storage, cluster } = parts
    const readCommitted = options.fetch.isolation === 'read_committed'
    this.finished.catch(() => {}) // the group tells its failure as an error event too; a program need not wait for `finished`
    this.#state = createGroupState(move => {
      options.logger.info({ ...move }, 'group state')
      events.emit('group:state', move)
    })
    this.#starts = new StartOffsets(
      { groupId: options.groupId, offsetReset: options.offsetReset, readCommitted },
      storage,
      cluster,
    )
    this.#partitions = this.#createPartitions()
    this.#leaders = new LeaderKeeper(cluster, options.topics, () => this.#pool.threads, options.logger)
    const desk = new WorkerDesk({
      options,
      cluster,
      partitions: this.#partitions,
      leadersStale: reason => this.#leaders.refreshSoon(reason),
      report: error => this.#report(error),
      restartAt: (partition, offset) => void this.#restartAt(partition, offset),
    })
    this.#pool = parts.createPool(desk)
    for (const thread of this.#pool.threads) void this.#watchThread(thread)
    this.#session = this.#createSession()
    this.#committer = this.#createCommitter()
    this.#placer = new LanePlacer({
      threads: () => this.#pool.threads,
      partitions: () => this.#partitions.all,
      weigh: coming => this.#weigh(coming),
      logger: options.logger,
    })
    this.#balancer = new LaneBalancer(this.#pool.threads, () => this.#partitions.all, options.logger)
    this.#alarm = new EventLoopAlarm(
      () => storage.sessionTimeoutMs / 6,
      (delayMs, limitMs) => this.#report(loopBlocked(delayMs, limitMs)),
    )
    const { groupId, memberId, topics } = options
    this.#look = new GroupLook({ groupId, memberId, topics, storage, cluster })
    this.#targets = new Targets({
      partitions: this.#partitions,
      place: coming => this.#placer.plan(coming),
      rebalanced: () => this.#emitRebalanced(),
      stopSignal: this.#stopSignal.signal,
      logger: options.logger,
    })
    this.#rebalancer = new Rebalancer({
      decide: () => this.#look.decide(),
      write: (plan, version) => storage.writePlan(plan, version),
      retarget: wanted => this.#targets.retarget(wanted),
      report: error => this.#report(error),
      logger: options.logger,
    })
    this.#missingTopics = new MissingTopics(
      cluster,
      partitions => this.#topicsAppeared(partitions),
      error => this.#report(asGroupError(error, 'looking for missing topics')),
    )
  }

  get state(): GroupState {
    return this.#state.state
  }

  get threads(): readonly WorkerThread[] {
    return this.#pool.threads
  }

  get partitions(): PartitionSet {
    return this.#partitions
  }

  get leaseRemainingMs(): number {
    return this.#session.leaseRemainingMs
  }

  /** Resolves once joined and the first claims are made; rejects, with everything undone, if that cannot be. */
  async start(): Promise<void> {
    try {
      const { missing, partitions } = await this.#check()
      this.#state.moveTo('joining', 'everything checked')
      await this.#session.join()
      await this.#starts.pinMissing(partitions)
      this.#throwIfStopping() // the awaits above may have let a stop or an expiry in
      // Before the claims: the first lanes may run while others still wait for a thread that is inside a handler.
      if (this.#state.is('joining')) this.#session.enterRunning('joined')
      if (this.#parts.options.commit.auto) this.#committer.start()
      this.#balancer.start()
      this.#alarm.start()
      await this.#rebalancer.trigger()
      await this.#targets.claim()
      this.#throwIfStopping()
      this.#topicPoll.start()
      this.#missingTopics.start(missing)
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
    this.#stopped ??= this.#stop(this.#parts.options.stopTimeoutMs, error)
    return this.#stopped
  }

  /** Commits what is finished now. */
  async commit(): Promise<void> {
    if (!this.#state.is('running', 'suspended', 'rejoining'))
      throw new GroupError('NOT_RUNNING', `commit() needs a running group; this one is ${this.state}`)
    await this.#committer.commitAll()
  }

  setPaused(paused: boolean, topic?: string, partition?: number): void {
    this.#pauses.set(paused, topic, partition)
    for (const one of this.#partitions.all) {
      one
        .setPaused(this.#pauses.isPaused(one))
        .catch((error: unknown) => this.#report(asGroupError(error, `pausing ${partitionName(one)}`)))
    }
  }

  /** Everything that can be wrong is found here, before anything is written. Answers the topics that there are, and those that do not exist yet. */
  async #check(): Promise<TopicSplit> {
    const { options, storage, cluster } = this.#parts
    await this.#pool.loadHandlers()
    this.#throwIfStopping()
    await storage.open(this.#session)
    this.#throwIfStopping()
    const brokers = options.kafka.brokers ?? (await storage.listBrokers())
    if (brokers.length === 0) throw noBrokers()
    await cluster.connect(brokers)
    this.#throwIfStopping()
    const found = await findTopics(cluster, options.topics)
    const { missing, refused } = found
    if (refused[0] !== undefined) throw refused[0]
    if (missing.length > 0 && options.missingTopics === 'fail') throw missingTopicsError(missing)
    for (const topic of missing) this.#starts.topicAppearedLater(topic)
    await storage.readOffsets(options.groupId, options.topics) // a corrupt one is found now, while nothing is claimed
    await this.#leaders.refresh()
    this.#throwIfStopping()
    return found
  }

  #createPartitions(): PartitionSet {
    const { options, events, storage, memory } = this.#parts
    const host = {
      storage,
      resolveStart: this.#starts.resolveStart.bind(this.#starts),
      placed: () => this.#placer.planned,
      chooseThread: (partition: TopicPartition) => this.#placer.choose(partition),
      isPaused: (partition: TopicPartition) => this.#pauses.isPaused(partition),
      generation: () => memory.generation,
      giveUpReleasing: this.#giveUpReleasing.signal,
      claimed: (one: OwnedPartition) => {
        this.#session.acquired(one)
        events.emit('partition:claimed', partitionEvent(one, one.memory?.floor ?? 0))
      },
      released: (one: OwnedPartition, reason: string) =>
        events.emit('partition:released', { ...partitionEvent(one, one.committed ?? 0), reason }),
      notStored: (one: OwnedPartition, error: GroupError) => this.#report(progressNotStored(one, error)),
      failed: (_: OwnedPartition, error: GroupError) => this.#report(error),
      claimRefused: (one: OwnedPartition, holder: string) => this.#report(claimRefused(one, holder)),
      acquireFailed: (one: OwnedPartition, error: unknown) => this.#session.acquireFailed(one, error),
    }
    return new PartitionSet(host, options.claim.retries * options.claim.retryIntervalMs, options.logger)
  }

  #createSession(): SessionKeeper {
    const { options, storage, memory, events } = this.#parts
    const subscription = Object.fromEntries(options.topics.map(topic => [topic, options.threads]))
    return new SessionKeeper({
      groupId: options.groupId,
      member: { memberId: options.memberId, subscription },
      storage,
      memory,
      events,
      state: this.#state,
      partitions: this.#partitions,
      wanted: () => this.#targets.wanted,
      expired: () => this.#targets.clear(),
      rejoined: () => this.#rebalancer.trigger(),
      stopSignal: this.#stopSignal.signal,
      logger: options.logger,
      report: error => this.#report(error),
      fail: error => void this.fail(error),
      groupChanged: what => void this.#rebalancer.trigger(what),
      rebalanced: () => this.#emitRebalanced(),
    })
  }

  #createCommitter(): Committer {
    const { options, memory, events } = this.#parts
    return new Committer(options.commit.intervalMs, {
      partitions: () => this.#partitions.all,
      mayCommit: () => memory.leaseHolds(monotonicMs(), wallMs()),
      committed: offsets =>
        events.emit('offsets:committed', {
          offsets: offsets.map(one => ({ ...one, offset: BigInt(one.offset) })),
        }),
      commitFailed: error => this.#report(error),
    })
  }

  /** Weighs partitions that are about to be claimed, by the records that wait in them. */
  async #weigh(partitions: readonly TopicPartition[]): Promise<readonly Weighted<TopicPartition>[]> {
    const { options, storage, cluster } = this.#parts
    const stored = await storage.readOffsetsOf(options.groupId, partitions)
    return readBacklogs(partitions, stored, cluster, options.fetch.isolation === 'read_committed')
  }

  async #topicsAppeared(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#leaders.refresh()
    await this.#starts.pinMissing(partitions)
    await this.#rebalancer.trigger()
  }

  /** Gives a partition up at another position and claims it again: within one epoch a floor never moves back. */
  async #restartAt(partition: OwnedPartition, offset: Offset): Promise<void> {
    try {
      await partition.release(`restarting at offset ${offset}`, offset)
    } catch (error) {
      this.#report(asGroupError(error, `restarting ${partitionName(partition)}`))
    }
    this.#partitions.forget(partition) // also after a failure: then its claim is void, and it is claimed afresh
    await this.#targets.claim()
  }

  async #watchThread(thread: WorkerThread): Promise<void> {
    const death = await thread.ended
    if (death !== null && this.#stopped === null) await this.fail(death)
  }

  async #stop(timeoutMs: number, cause: GroupError | null): Promise<void> {
    const { storage, cluster, memory, options } = this.#parts
    const isMember = this.#state.is('joining', 'running')
    this.#state.moveTo('stopping', cause?.code ?? 'stop() was called')
    this.#stopSignal.abort(cause ?? new GroupError('NOT_RUNNING', 'the group is stopping'))
    const stop = new GroupStop(
      {
        timers: [this.#balancer, this.#alarm, this.#session, this.#topicPoll],
        announce: signal => this.#announceLeave(isMember, signal),
        takeNoMore: () => memory.requestStop(),
        askers: [this.#missingTopics, this.#leaders, this.#rebalancer],
        committer: this.#committer,
        partitions: this.#partitions,
        pool: this.#pool,
        storage,
        cluster,
        giveUpReleasing: this.#giveUpReleasing,
        logger: options.logger,
        report: error => this.#report(error),
      },
      timeoutMs,
    )
    await stop.run()
    this.#end(cause)
  }

  async #announceLeave(isMember: boolean, signal: AbortSignal): Promise<void> {
    await this.#rebalancer.stop()
    if (!isMember || this.#parts.storage.sessionState !== 'connected') return
    await this.#look.announceLeave(signal).catch((error: unknown) => {
      if (!isGroupError(error, 'NOT_RUNNING')) throw error // else it was about to join: nobody counts on it yet
    })
  }

  #end(cause: GroupError | null): void {
    if (cause === null) {
      this.#state.moveTo('stopped', 'everything ended')
      this.#finish.resolve()
      return
    }
    this.#state.moveTo('failed', cause.code)
    this.#report(cause)
    this.#finish.reject(cause)
  }

  #emitRebalanced(): void {
    const all = this.#partitions.all
    const waiting = all.filter(partition => partition.state === 'waiting').length
    this.#parts.events.emit('group:rebalanced', { owned: all.length - waiting, waiting })
  }

  #report(error: GroupError): void {
    this.#parts.options.logger.error(
      { code: error.code, details: error.details, err: toLoggable(error) },
      error.message,
    )
    this.#parts.events.emit('error', error)
  }

  #throwIfStopping(): void {
    this.#stopSignal.signal.throwIfAborted()
  }
}

function partitionEvent(
  one: OwnedPartition,
  offset: Offset,
): { topic: string; partition: number; epoch: bigint; offset: bigint } {
  return { topic: one.topic, partition: one.partition, epoch: one.claim?.epoch ?? 0n, offset: BigInt(offset) }
}
