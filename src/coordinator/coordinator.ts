import type { GroupEvents } from '../events.ts'
import type { ResolvedOptions } from '../options/types.ts'
import { Backoff } from '../shared/backoff.ts'
import { monotonicMs, wallMs } from '../shared/clock.ts'
import { asGroupError, GroupError, isGroupError } from '../shared/errors.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { GroupMemory } from '../shared/memory/group-memory.ts'
import type { StateMachine } from '../shared/state-machine.ts'
import { partitionName, type Offset, type TopicPartition } from '../shared/types.ts'
import { Committer } from './partitions/committer.ts'
import { EventLoopAlarm } from './event-loop-alarm.ts'
import { claimRefused, loopBlocked, noBrokers, progressNotStored } from './coordinator-errors.ts'
import { createGroupState, type GroupState } from './group-state.ts'
import { GroupStop } from './group-stop.ts'
import type { KafkaCluster } from './kafka/cluster.ts'
import { readBacklogs } from './lanes/backlogs.ts'
import { LaneBalancer } from './lanes/lane-balancer.ts'
import { LanePlacer } from './lanes/lane-placer.ts'
import { LeaderKeeper } from './lanes/leader-keeper.ts'
import type { OwnedPartition } from './partitions/owned-partition.ts'
import { PartitionSet } from './partitions/partition-set.ts'
import { Pauses } from './partitions/pauses.ts'
import { GroupLook } from './rebalance/group-look.ts'
import { refuseMixedGroup } from './rebalance/mixed-group.ts'
import { Rebalancer } from './rebalance/rebalancer.ts'
import { Targets } from './rebalance/targets.ts'
import { SessionKeeper } from './session-keeper.ts'
import { StartOffsets } from './partitions/start-offsets.ts'
import type { GroupStorage } from './storage/group-storage.ts'
import { ThreadReplacer } from './lanes/thread-replacer.ts'
import type { Weighted } from './lanes/placement.ts'
import type { ThreadPool } from './threads/thread-pool.ts'
import type { WorkerThread, WorkerThreadListener } from './threads/worker-thread.ts'
import { TopicFollower } from './topics/topic-follower.ts'
import { WorkerDesk } from './lanes/worker-desk.ts'

const LOOK_AGAIN = { initialMs: 200, maxMs: 3000 }

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
  readonly #replacer: ThreadReplacer
  readonly #pauses = new Pauses()
  readonly #partitions: PartitionSet
  readonly #starts: StartOffsets
  readonly #leaders: LeaderKeeper
  readonly #session: SessionKeeper
  readonly #committer: Committer
  readonly #placer: LanePlacer
  readonly #balancer: LaneBalancer
  readonly #alarm: EventLoopAlarm
  readonly #topics: TopicFollower
  /** Aborts whatever the start or a rejoin waits for, once stopping. */
  readonly #stopSignal = new AbortController()
  /** For messages. */
  readonly #groupPath: string
  readonly #look: GroupLook
  readonly #targets: Targets
  readonly #rebalancer: Rebalancer
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
      { storage, cluster, report: error => this.#report(error) },
    )
    this.#partitions = this.#createPartitions()
    this.#leaders = new LeaderKeeper({
      cluster,
      topics: options.topics,
      threads: () => this.#pool.threads,
      refreshed: () => this.#topics.restartRecreated(),
      logger: options.logger,
    })
    this.#topics = this.#createTopics()
    const desk = new WorkerDesk({
      options,
      cluster,
      partitions: this.#partitions,
      leadersStale: reason => this.#leaders.refreshSoon(reason),
      report: error => this.#report(error),
      restart: (partition, reason, offset) => void this.#targets.restart(partition, reason, offset),
    })
    this.#pool = parts.createPool(desk)
    this.#replacer = this.#createReplacer()
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
    this.#groupPath = `${options.zookeeper?.chroot ?? ''}/consumers/${groupId}`
    this.#look = new GroupLook({ groupId, groupPath: this.#groupPath, memberId, topics, storage, cluster })
    this.#targets = new Targets({
      partitions: this.#partitions,
      place: coming => {
        this.#placer.plan(coming)
        this.#leaders.tellKnown() // of partitions that are new
      },
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
      const partitions = await this.#check()
      this.#state.moveTo('joining', 'everything checked')
      await this.#session.join()
      const { options, storage } = this.#parts
      await refuseMixedGroup(storage, `${this.#groupPath}/ids`, this.#stopSignal.signal) // before anything else is written
      await this.#starts.pinMissing(partitions)
      this.#throwIfStopping() // the awaits above may have let a stop or an expiry in
      // Before the claims: the first lanes may run while others still wait for a thread that is inside a handler.
      if (this.#state.is('joining')) this.#session.enterRunning('joined')
      if (options.commit.auto) this.#committer.start()
      this.#balancer.start()
      this.#alarm.start()
      await this.#rebalancer.trigger()
      await this.#targets.claim()
      this.#throwIfStopping()
      this.#topics.start()
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

  /** Everything that can be wrong is found here, before anything is written. Answers the partitions that there are. */
  async #check(): Promise<readonly TopicPartition[]> {
    const { options, storage, cluster } = this.#parts
    await this.#pool.loadHandlers()
    this.#throwIfStopping()
    await storage.open(this.#session)
    this.#throwIfStopping()
    const brokers = options.kafka.brokers ?? (await storage.listBrokers())
    if (brokers.length === 0) throw noBrokers()
    await cluster.connect(brokers)
    this.#throwIfStopping()
    const partitions = await this.#topics.find()
    await storage.readOffsets(options.groupId, options.topics) // a corrupt one is found now, while nothing is claimed
    await this.#leaders.refresh()
    this.#throwIfStopping()
    return partitions
  }

  #createTopics(): TopicFollower {
    const { options, storage, cluster } = this.#parts
    return new TopicFollower({
      options,
      storage,
      cluster,
      partitions: this.#partitions,
      starts: this.#starts,
      restart: (partition, reason) => void this.#targets.restart(partition, reason),
      rebalance: () => void this.#rebalancer.trigger(),
      report: error => this.#report(error),
    })
  }

  #createPartitions(): PartitionSet {
    const { options, events, storage, memory } = this.#parts
    const host = {
      storage,
      resolveStart: this.#starts.resolveStart.bind(this.#starts),
      placed: () => this.#placer.planned,
      chooseThread: (partition: TopicPartition) => this.#placer.choose(partition),
      replacementOf: (thread: WorkerThread) => this.#replacer.replacementOf(thread),
      cut: (one: OwnedPartition) => this.#replacer.cut(one),
      isPaused: (partition: TopicPartition) => this.#pauses.isPaused(partition),
      generation: () => memory.generation,
      giveUpReleasing: this.#giveUpReleasing.signal,
      claimed: (one: OwnedPartition) => {
        this.#session.acquired(one)
        this.#topics.restartIfRecreated(one)
        events.emit('partition:claimed', partitionEvent(one, one.memory?.floor ?? 0))
      },
      released: (one: OwnedPartition, reason: string) =>
        events.emit('partition:released', { ...partitionEvent(one, one.committed ?? 0), reason }),
      notStored: (one: OwnedPartition, error: GroupError) => this.#report(progressNotStored(one, error)),
      failed: (_: OwnedPartition, error: GroupError) => this.#report(error),
      claimRefused: (one: OwnedPartition) => void this.#reportRefusal(one),
      acquireFailed: (one: OwnedPartition, error: unknown) => this.#session.acquireFailed(one, error),
    }
    return new PartitionSet(host, options.claim.retries * options.claim.retryIntervalMs, options.logger)
  }

  #createReplacer(): ThreadReplacer {
    return new ThreadReplacer({
      pool: this.#pool,
      partitions: () => this.#partitions.all,
      welcome: thread => {
        void this.#watchThread(thread)
        this.#leaders.welcome(thread)
      },
      replaced: ({ threadId }) => this.#parts.events.emit('worker:replaced', { threadId }),
      report: error => this.#report(error),
      fail: error => void this.fail(error),
    })
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
      rejoined: () => {
        this.#topics.notice() // a new session watches nothing yet
        return this.#rebalancer.trigger()
      },
      stopSignal: this.#stopSignal.signal,
      logger: options.logger,
      report: error => this.#report(error),
      fail: error => void this.fail(error),
      groupChanged: what => void this.#rebalancer.trigger(what),
      topicsChanged: () => this.#topics.notice(),
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

  async #watchThread(thread: WorkerThread): Promise<void> {
    const death = await thread.ended
    const isExpected = this.#stopped !== null || this.#replacer.replacementOf(thread) !== null
    if (death !== null && !isExpected) await this.fail(death)
  }

  async #stop(timeoutMs: number, cause: GroupError | null): Promise<void> {
    const { storage, cluster, memory, options } = this.#parts
    const isMember = this.#state.is('joining', 'running')
    this.#state.moveTo('stopping', cause?.code ?? 'stop() was called')
    this.#stopSignal.abort(cause ?? new GroupError('NOT_RUNNING', 'the group is stopping'))
    const stop = new GroupStop(
      {
        timers: [this.#balancer, this.#alarm, this.#session],
        announce: signal => this.#announceLeave(isMember, signal),
        takeNoMore: () => memory.requestStop(),
        askers: [this.#topics, this.#leaders, this.#rebalancer],
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

  /** Who holds it now: it may have changed hands since the claim was refused. */
  async #reportRefusal(one: OwnedPartition): Promise<void> {
    const backoff = new Backoff(LOOK_AGAIN)
    while (!this.#stopSignal.signal.aborted) {
      try {
        const holder = await this.#parts.storage.readHolder(one)
        if (holder !== null && one.state === 'waiting') this.#report(claimRefused(one, holder))
        return
      } catch {
        await backoff.wait(this.#stopSignal.signal).catch(() => {}) // the storage is away, which it tells by itself
      }
    }
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
