import type { GroupEvents } from '../events.ts'
import type { ResolvedOptions } from '../options/types.ts'
import { monotonicMs, wallMs } from '../shared/clock.ts'
import type { GroupError } from '../shared/errors.ts'
import type { GroupMemory } from '../shared/memory/group-memory.ts'
import type { StateMachine } from '../shared/state-machine.ts'
import type { TopicPartition } from '../shared/types.ts'
import { loopBlocked, progressNotStored } from './coordinator-errors.ts'
import { DeadLetters } from './dead-letters/dead-letters.ts'
import { EventLoopAlarm } from './event-loop-alarm.ts'
import { DeadlineWatch } from './failures/deadline-watch.ts'
import { ThreadInquests } from './failures/thread-inquests.ts'
import { GroupReports } from './group-reports.ts'
import { createGroupState, type GroupState } from './group-state.ts'
import { GroupStop } from './group-stop.ts'
import type { KafkaCluster } from './kafka/cluster.ts'
import { readBacklogs } from './lanes/backlogs.ts'
import { LaneBalancer } from './lanes/lane-balancer.ts'
import { LanePlacer } from './lanes/lane-placer.ts'
import { FeederKeeper } from './lanes/feeder-keeper.ts'
import { LeaderKeeper } from './lanes/leader-keeper.ts'
import { LoneLanes } from './lanes/lone-lanes.ts'
import type { Weighted } from './lanes/placement.ts'
import { ThreadReplacer } from './lanes/thread-replacer.ts'
import { WorkerDesk } from './lanes/worker-desk.ts'
import { Committer } from './partitions/committer.ts'
import type { OwnedPartition } from './partitions/owned-partition.ts'
import { PartitionSet, type PartitionSetHost } from './partitions/partition-set.ts'
import { Pauses } from './partitions/pauses.ts'
import { reportRefusal } from './partitions/report-refusal.ts'
import { StartOffsets } from './partitions/start-offsets.ts'
import { RingBudget } from './partitions/work/ring-budget.ts'
import type { RingHost } from './partitions/work/ring-host.ts'
import { ownSettings } from './progress/claim-lanes.ts'
import type { ProgressRules } from './progress/claim-progress.ts'
import { GroupLook } from './rebalance/group-look.ts'
import { Rebalancer } from './rebalance/rebalancer.ts'
import { Targets } from './rebalance/targets.ts'
import { SessionKeeper } from './session-keeper.ts'
import type { GroupStorage } from './storage/group-storage.ts'
import type { ThreadPool } from './threads/thread-pool.ts'
import type { WorkerThreadListener } from './threads/worker-thread.ts'
import { TopicFollower } from './topics/topic-follower.ts'

/** Everything the coordinator is made of that has a choice behind it; `run-group.ts` makes it. */
export interface CoordinatorChoices {
  readonly options: ResolvedOptions
  readonly events: GroupEvents
  readonly storage: GroupStorage
  readonly cluster: KafkaCluster
  readonly memory: GroupMemory
  readonly createPool: (listener: WorkerThreadListener) => ThreadPool
}

/** What a partition tells the others of itself; the rest of its host is what it needs of them. */
type PartitionNews =
  'claimed' | 'released' | 'notStored' | 'failed' | 'killerFound' | 'claimRefused' | 'acquireFailed'

/** What the parts need of the group's life. */
export interface CoordinatorPartsHost {
  /** Aborts when the group stops. */
  readonly stopSignal: AbortSignal
  fail(error: GroupError): void
}

/**
 * The parts of the coordinator and what each needs of the others; who does what is in the parts, when is in the
 * coordinator. A callback may name a part that is made below it: none is called before all are there.
 */
export class CoordinatorParts {
  readonly #choices: CoordinatorChoices
  readonly #host: CoordinatorPartsHost
  readonly #giveUpReleasing = new AbortController()
  /** For messages. */
  readonly groupPath: string
  readonly reports: GroupReports
  readonly state: StateMachine<GroupState>
  readonly pauses = new Pauses()
  readonly starts: StartOffsets
  readonly partitions: PartitionSet
  readonly loneLanes: LoneLanes
  readonly leaders: LeaderKeeper
  readonly topics: TopicFollower
  /** Null unless `onFailure` is 'dead-letter'. */
  readonly deadLetters: DeadLetters | null
  readonly pool: ThreadPool
  readonly feeder: FeederKeeper
  readonly replacer: ThreadReplacer
  /** Null without a deadline for handlers. */
  readonly deadlines: DeadlineWatch | null
  readonly session: SessionKeeper
  readonly committer: Committer
  readonly placer: LanePlacer
  readonly balancer: LaneBalancer
  readonly alarm: EventLoopAlarm
  readonly look: GroupLook
  readonly targets: Targets
  readonly rebalancer: Rebalancer

  constructor(choices: CoordinatorChoices, host: CoordinatorPartsHost) {
    this.#choices = choices
    this.#host = host
    const { options, events } = choices
    this.groupPath = `${options.zookeeper?.chroot ?? ''}/consumers/${options.groupId}`
    this.reports = new GroupReports(events, options.logger)
    this.state = createGroupState(move => this.reports.moved(move))
    this.starts = this.#createStarts()
    this.partitions = this.#createPartitions()
    this.loneLanes = this.#createLoneLanes()
    this.leaders = this.#createLeaders()
    this.topics = this.#createTopics()
    this.deadLetters = this.#createDeadLetters()
    this.pool = choices.createPool(this.#createDesk())
    this.feeder = this.#createFeeder()
    this.replacer = this.#createReplacer()
    this.deadlines = this.#createDeadlines()
    this.session = this.#createSession()
    this.committer = this.#createCommitter()
    this.placer = this.#createPlacer()
    this.balancer = new LaneBalancer(this.pool.threads, () => this.partitions.all, options.logger)
    this.alarm = this.#createAlarm()
    this.look = this.#createLook()
    this.targets = this.#createTargets()
    this.rebalancer = this.#createRebalancer()
  }

  /** The end of all of them, in its order; `announce` tells the group that the member leaves. */
  createStop(timeoutMs: number, announce: (signal: AbortSignal) => Promise<void>): GroupStop {
    const { storage, cluster, memory, options } = this.#choices
    return new GroupStop(
      {
        timers: [this.balancer, this.alarm, this.session],
        announce,
        takeNoMore: () => memory.requestStop(),
        askers: [this.topics, this.leaders, this.rebalancer],
        committer: this.committer,
        partitions: this.partitions,
        deadLetters: this.deadLetters,
        deadlines: this.deadlines,
        pool: this.pool,
        storage,
        cluster,
        giveUpReleasing: this.#giveUpReleasing,
        logger: options.logger,
        report: error => this.reports.error(error),
      },
      timeoutMs,
    )
  }

  #createStarts(): StartOffsets {
    const { options, storage, cluster } = this.#choices
    const { groupId, offsetReset, fetch } = options
    return new StartOffsets(
      { groupId, offsetReset, readCommitted: fetch.isolation === 'read_committed' },
      { storage, cluster, report: error => this.reports.error(error) },
    )
  }

  #createPartitions(): PartitionSet {
    const { claim, logger } = this.#choices.options
    const host = { ...this.#partitionNeeds(), ...this.#partitionNews() }
    return new PartitionSet(host, claim.retries * claim.retryIntervalMs, logger)
  }

  #partitionNeeds(): Omit<PartitionSetHost, PartitionNews> {
    const { options, storage, memory } = this.#choices
    return {
      storage,
      resolveStart: claim => this.starts.resolveStart(claim),
      placed: () => this.placer.planned,
      chooseThread: partition => this.placer.choose(partition),
      replacementOf: thread => this.replacer.replacementOf(thread),
      cut: one => this.replacer.cut(one),
      isPaused: partition => this.pauses.isPaused(partition),
      generation: () => memory.generation,
      progressRules: progressRules(options),
      ownLanes: ownSettings(options),
      maxInHand: options.batchSize,
      rings: this.#ringHost(),
      runAlone: one => this.loneLanes.enter(one),
      isHeld: one => this.loneLanes.holds(one),
      noLongerAlone: one => this.loneLanes.leave(one),
      giveUpReleasing: this.#giveUpReleasing.signal,
    }
  }

  #ringHost(): RingHost {
    const { threads, concurrency, ringBytesPerPartition, fetch } = this.#choices.options
    const ringOptions = {
      threads,
      concurrency,
      ringBytesPerPartition,
      maxBufferedBytes: fetch.maxBufferedBytes,
    }
    const budget = new RingBudget(ringOptions)
    return {
      options: ringOptions,
      grant: () => budget.grant(this.partitions.all.length), // those that it is about to have count, too
      threads: () => this.pool.threads,
      feeder: () => this.feeder.get(),
    }
  }

  #partitionNews(): Pick<PartitionSetHost, PartitionNews> {
    return {
      claimed: one => {
        this.session.acquired(one)
        this.topics.restartIfRecreated(one)
        this.reports.claimed(one)
      },
      released: (one, reason) => {
        this.deadLetters?.forget(one)
        this.reports.released(one, reason)
      },
      notStored: (one, error) => this.reports.error(progressNotStored(one, error)),
      failed: (_, error) => this.#partitionFailed(error),
      killerFound: (_, error) => this.reports.error(error),
      claimRefused: one => void this.#reportRefusal(one),
      acquireFailed: (one, error) => this.session.acquireFailed(one, error),
    }
  }

  #partitionFailed(error: GroupError): void {
    if (this.#choices.options.failGroup) this.#host.fail(error)
    else this.reports.error(error)
  }

  #reportRefusal(one: OwnedPartition): Promise<void> {
    const { storage } = this.#choices
    const { stopSignal } = this.#host
    return reportRefusal(one, { storage, stopSignal, report: error => this.reports.error(error) })
  }

  #createLoneLanes(): LoneLanes {
    return new LoneLanes({
      memory: this.#choices.memory,
      lanes: () => this.partitions.all,
      wake: () => {
        for (const thread of this.pool.threads) thread.wake()
      },
    })
  }

  #createLeaders(): LeaderKeeper {
    const { options, cluster } = this.#choices
    return new LeaderKeeper({
      cluster,
      topics: options.topics,
      threads: () => this.pool.all,
      refreshed: () => this.topics.restartRecreated(),
      logger: options.logger,
    })
  }

  #createTopics(): TopicFollower {
    const { options, storage, cluster } = this.#choices
    return new TopicFollower({
      options,
      storage,
      cluster,
      partitions: this.partitions,
      starts: this.starts,
      restart: (partition, reason) => void this.targets.restart(partition, reason),
      rebalance: () => void this.rebalancer.trigger(),
      report: error => this.reports.error(error),
    })
  }

  #createDeadLetters(): DeadLetters | null {
    const { options, cluster } = this.#choices
    const { deadLetter, groupId, memberId, kafka, logger } = options
    if (deadLetter === null) return null
    return new DeadLetters(
      { ...deadLetter, groupId, memberId, connection: kafka.connection, logger },
      cluster,
    )
  }

  #createDesk(): WorkerDesk {
    const { options, cluster } = this.#choices
    return new WorkerDesk({
      options,
      cluster,
      deadLetters: this.deadLetters,
      attemptFailed: (thread, failure) => this.reports.attemptFailed(thread, failure, options.deadLetter),
      partitions: this.partitions,
      leadersStale: reason => this.leaders.refreshSoon(reason),
      threadExited: (thread, death) => {
        if (this.feeder.isOrWas(thread)) this.feeder.exited(thread, death)
        else this.replacer.exited(thread, death)
      },
      report: error => this.reports.error(error),
      restart: (partition, reason, offset) => void this.targets.restart(partition, reason, offset),
    })
  }

  #createFeeder(): FeederKeeper {
    return new FeederKeeper({
      pool: this.pool,
      welcome: thread => this.leaders.welcome(thread),
      putDown: thread => {
        for (const partition of this.partitions.all) partition.work?.putDown(thread)
      },
      report: error => this.reports.error(error),
      fail: error => this.#host.fail(error),
      stopSignal: this.#host.stopSignal,
    })
  }

  #createReplacer(): ThreadReplacer {
    return new ThreadReplacer({
      pool: this.pool,
      inquests: this.#createInquests(),
      partitions: () => this.partitions.all,
      welcome: thread => this.leaders.welcome(thread),
      died: (thread, error) => this.reports.threadDied(thread, error),
      replaced: thread => this.reports.threadReplaced(thread),
      report: error => this.reports.error(error),
      fail: error => this.#host.fail(error),
      stopSignal: this.#host.stopSignal,
      handlerTimeoutMs: this.#choices.options.handlerTimeoutMs ?? Infinity,
    })
  }

  #createDeadlines(): DeadlineWatch | null {
    const { handlerTimeoutMs } = this.#choices.options
    if (handlerTimeoutMs === null) return null
    const host = {
      threads: () => this.pool.threads,
      partitions: () => this.partitions.all,
      cut: this.replacer.cutOverdue.bind(this.replacer),
    }
    return new DeadlineWatch(host, handlerTimeoutMs)
  }

  #createInquests(): ThreadInquests {
    const { options } = this.#choices
    return new ThreadInquests({
      partitions: () => this.partitions.all,
      retry: options.retry,
      handlerTimeoutMs: options.handlerTimeoutMs ?? Infinity,
      report: error => this.reports.error(error),
      attemptFailed: (attempt, error, retryInMs) =>
        this.reports.attemptEndedItsThread(attempt, error, retryInMs),
    })
  }

  #createSession(): SessionKeeper {
    const { options, storage, memory, events } = this.#choices
    const subscription = Object.fromEntries(options.topics.map(topic => [topic, options.threads]))
    return new SessionKeeper({
      groupId: options.groupId,
      member: { memberId: options.memberId, subscription },
      storage,
      memory,
      events,
      state: this.state,
      partitions: this.partitions,
      wanted: () => this.targets.wanted,
      expired: () => this.targets.clear(),
      rejoined: () => {
        this.topics.notice() // a new session watches nothing yet
        return this.rebalancer.trigger()
      },
      stopSignal: this.#host.stopSignal,
      logger: options.logger,
      report: error => this.reports.error(error),
      fail: error => this.#host.fail(error),
      groupChanged: what => void this.rebalancer.trigger(what),
      topicsChanged: () => this.topics.notice(),
      rebalanced: () => this.reports.rebalanced(this.partitions.all),
    })
  }

  #createCommitter(): Committer {
    const { options, memory } = this.#choices
    return new Committer(options.commit.intervalMs, {
      partitions: () => this.partitions.all,
      mayCommit: () => memory.leaseHolds(monotonicMs(), wallMs()),
      committed: offsets => this.reports.committed(offsets),
      commitFailed: error => this.reports.error(error),
    })
  }

  #createPlacer(): LanePlacer {
    return new LanePlacer({
      threads: () => this.pool.threads,
      partitions: () => this.partitions.all,
      weigh: coming => this.#weigh(coming),
      logger: this.#choices.options.logger,
    })
  }

  /** Weighs partitions that are about to be claimed, by the records that wait in them. */
  async #weigh(partitions: readonly TopicPartition[]): Promise<readonly Weighted<TopicPartition>[]> {
    const { options, storage, cluster } = this.#choices
    const stored = await storage.readOffsetsOf(options.groupId, partitions)
    return readBacklogs(partitions, stored, cluster, options.fetch.isolation === 'read_committed')
  }

  #createAlarm(): EventLoopAlarm {
    const { storage } = this.#choices
    return new EventLoopAlarm(
      () => storage.sessionTimeoutMs / 6,
      (delayMs, limitMs) => this.reports.error(loopBlocked(delayMs, limitMs)),
    )
  }

  #createLook(): GroupLook {
    const { options, storage, cluster } = this.#choices
    return new GroupLook({ ...options, groupPath: this.groupPath, storage, cluster })
  }

  #createTargets(): Targets {
    const { options } = this.#choices
    return new Targets({
      partitions: this.partitions,
      place: coming => {
        if (options.ordering === 'partition') this.placer.plan(coming) // else they are on all threads
        this.leaders.tellKnown() // of partitions that are new
      },
      rebalanced: () => this.reports.rebalanced(this.partitions.all),
      stopSignal: this.#host.stopSignal,
      logger: options.logger,
    })
  }

  #createRebalancer(): Rebalancer {
    const { options, storage } = this.#choices
    return new Rebalancer({
      decide: () => this.look.decide(),
      write: (plan, version) => storage.writePlan(plan, version),
      retarget: (wanted, assignBy) => this.targets.retarget(wanted, assignBy),
      report: error => this.reports.error(error),
      logger: options.logger,
    })
  }
}

/** Twice an interval: what a process ran since its last commit takes longer when it is run carefully. */
const CAREFUL_INTERVALS = 2
const CAREFUL_FOR_MS = 10_000

function progressRules({ retry, commit }: ResolvedOptions): ProgressRules {
  return {
    attempts: retry.attempts,
    carefulForMs: Math.max(CAREFUL_INTERVALS * commit.intervalMs, CAREFUL_FOR_MS),
  }
}
