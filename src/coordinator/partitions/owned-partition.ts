import { toWire } from '../../shared/error-wire.ts'
import { asGroupError, GroupError, messageOf } from '../../shared/errors.ts'
import type { Announcement, AttemptsUsedUp } from '../../shared/protocol.ts'
import { StateMachine, type MoveTable } from '../../shared/state-machine.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import { unlessAborted } from '../../shared/unless-aborted.ts'
import type { WantedPartition } from '../assignment/assignment.ts'
import { lanesOfClaim, type ClaimLanes } from '../progress/claim-lanes.ts'
import { ClaimProgress } from '../progress/claim-progress.ts'
import { killedProcess, type ProcessKiller } from '../progress/process-killer.ts'
import { committableOf, progressAt, type Progress } from '../progress/progress.ts'
import type { OwnedPartitionHost } from './owned-partition-host.ts'
import { isRefusal, releaseClaim } from './release-claim.ts'
import type { ClaimStart } from './start-offsets.ts'
import type { Claim } from '../storage/group-storage.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'
import { createWork } from './work/create-work.ts'
import type { InHandOnThread } from './work/in-hand-on-thread.ts'
import type { PartitionWork, PartitionWorkHost } from './work/partition-work.ts'

/**
 * | state    | what is true inside it                                                        |
 * | -------- | ----------------------------------------------------------------------------- |
 * | waiting  | this member should own the partition and asks for the claim                   |
 * | starting | the claim is held; its start is being resolved and its work started           |
 * | running  | it is worked off                                                              |
 * | moving   | drained on one thread, not yet started on the other                           |
 * | failed   | the claim is held, but an error stopped the work; the offset stays            |
 * | draining | the work is being ended, to be released or because the claim is void          |
 * | released | final: given up, with its progress committed                                  |
 * | lost     | final: the claim became void; progress since the last commit is not committed |
 */
export type OwnedPartitionState =
  'waiting' | 'starting' | 'running' | 'moving' | 'failed' | 'draining' | 'released' | 'lost'

export const OWNED_PARTITION_MOVES: MoveTable<OwnedPartitionState> = {
  waiting: ['starting', 'released'],
  starting: ['running', 'failed', 'draining'],
  running: ['moving', 'failed', 'draining'],
  moving: ['running', 'failed', 'draining'],
  failed: ['draining'],
  draining: ['released', 'lost'],
  released: [],
  lost: [],
}

/**
 * One partition that this member owns or waits for. Claim, move and end run one after the other, in the order they
 * were asked for; commits run beside them, one at a time, so that an older offset never lands after a newer one.
 */
export class OwnedPartition implements WantedPartition {
  readonly topic: string
  readonly partition: number
  readonly ownerThread: number | undefined
  readonly #host: OwnedPartitionHost
  readonly #state: StateMachine<OwnedPartitionState>
  readonly #giveUp = new AbortController()
  #operations: Promise<void> = Promise.resolve()
  #commits: Promise<unknown> = Promise.resolve()
  /** Set when the claim is made; stays for the status of a released partition. */
  #claim: Claim | null = null
  /** Set when the start is known, like the work. */
  #progress: ClaimProgress | null = null
  #work: PartitionWork | null = null
  /** Records of this claim that were finished before the present work began. */
  #handledBefore = 0
  /** That were begun under this claim. */
  #works = 0
  #generation = 0
  #committed: Offset | null = null
  /** The last of those that whoever commits on an interval was answered. */
  #told: Offset | null = null
  #failure: GroupError | null = null

  constructor(partition: WantedPartition, host: OwnedPartitionHost) {
    this.topic = partition.topic
    this.partition = partition.partition
    this.ownerThread = partition.ownerThread
    this.#host = host
    this.#state = new StateMachine(`partition ${partitionName(partition)}`, OWNED_PARTITION_MOVES, 'waiting')
  }

  get state(): OwnedPartitionState {
    return this.#state.state
  }

  get claim(): Claim | null {
    return this.#claim
  }

  /** How its records are worked off; null before the start is known. */
  get work(): PartitionWork | null {
    return this.#work
  }

  /** The incarnation of the topic that is read; null before the start is known, and where brokers have no topic ids. */
  get topicId(): string | null {
    return this.#progress?.topicId ?? null
  }

  /** Records finished under this claim. */
  get handled(): number {
    return this.#handledBefore + (this.#work?.handled ?? 0)
  }

  /** The only thread that works it off; null where there is no such one. */
  get thread(): WorkerThread | null {
    return this.#work?.thread ?? null
  }

  /** Those on which something of it may run. */
  get threads(): readonly WorkerThread[] {
    return this.#work?.threads ?? []
  }

  /** See PartitionWork. */
  isOn(thread: WorkerThread, lane?: number): boolean {
    return this.#work?.isOn(thread, lane) ?? false
  }

  /** What of it runs there. */
  inHandOn(thread: WorkerThread): readonly InHandOnThread[] {
    return this.#work?.inHandOn(thread) ?? []
  }

  /** Records that this very thread has finished of it, unless it has been credited with them. */
  handledOn(thread: WorkerThread): number {
    return this.#work?.handledOn(thread) ?? 0
  }

  get committed(): Offset | null {
    return this.#committed
  }

  get failure(): GroupError | null {
    return this.#failure
  }

  /** See PartitionWork. */
  get oldestRunning(): Offset | null {
    return this.#work?.oldestRunning ?? null
  }

  /** Nothing of it may begin while a lane of another partition runs alone. */
  get isHeld(): boolean {
    return this.#host.isHeld(this)
  }

  /** It was released or abandoned, even if that has not ended yet. */
  get isUnwanted(): boolean {
    return this.#giveUp.signal.aborted
  }

  /** Claims the partition and starts its work. Resolves when it runs, failed or was given up; rejects if the claim cannot be asked for. */
  acquire(): Promise<void> {
    return this.#enqueue(async () => {
      const claim = await this.#host.storage.claim(this, {
        signal: this.#giveUp.signal,
        onRefused: holder => this.#host.refused(this, holder),
      })
      this.#claim = claim
      this.#generation = this.#host.generation()
      this.#committed = this.#told = claim.committedOffset
      this.#state.moveTo('starting', 'claimed')
      if (!this.isUnwanted) await this.#startWork() // else it was given up while it was claimed: the next operation ends it
    })
  }

  /** Hands the lane to another thread: drain, then go on there from the same shared memory. */
  async moveTo(thread: WorkerThread): Promise<void> {
    await this.#work?.moveTo(thread)
  }

  /** One of its threads is about to be ended, or has: see PartitionWork. */
  async moveOff(
    thread: WorkerThread,
    replacement: Promise<WorkerThread>,
    drained: () => void,
  ): Promise<void> {
    if (this.#work === null) drained()
    else await this.#work.moveOff(thread, replacement, drained)
  }

  /** Drains, commits (what is finished, or `nextOffset`) and gives the claim up; a claim still waited for is no longer asked for. */
  release(reason: string, nextOffset: Offset = Infinity): Promise<void> {
    this.#giveUp.abort(new GroupError('NOT_RUNNING', `${partitionName(this)} is no longer wanted: ${reason}`))
    return this.#enqueue(async () => {
      if (this.#state.isFinal) return
      if (this.#claim === null) {
        this.#state.moveTo('released', reason)
        return
      }
      this.#state.moveTo('draining', reason)
      await this.#work?.drain()
      await this.#commits.catch(() => {}) // a failed commit was reported to who asked for it; the release commits again
      await this.#giveBack(this.#claim, reason, this.#progressToStore(nextOffset))
    })
  }

  /** Ends the work of a claim that is void: nothing is committed or released. */
  abandon(reason: string): Promise<void> {
    this.#giveUp.abort(new GroupError('CLAIM_LOST', `${partitionName(this)}: ${reason}`))
    void this.abortSignal(reason)
    return this.#enqueue(async () => {
      if (this.#state.isFinal) return
      this.#state.moveTo(this.#claim === null ? 'released' : 'draining', reason)
      await this.#work?.drain()
      if (this.#claim !== null) this.#end('lost', reason)
    })
  }

  /** Tells the handlers in hand to give up. */
  async abortSignal(reason: string): Promise<void> {
    await this.#work?.abortSignal(reason)
  }

  async setPaused(paused: boolean): Promise<void> {
    await this.#work?.setPaused(paused)
  }

  /** A record in hand is about to be stored elsewhere. */
  attemptsUsedUp({ offset, attempts, error }: AttemptsUsedUp): void {
    this.#work?.lastAttemptFailed({ offset, attempts }, error)
  }

  /** The work has stopped; the claim is kept, so that no other member runs into the same record. */
  fail(error: GroupError): void {
    if (!this.#state.is('starting', 'running', 'moving')) return // it is ending anyway
    this.#failure = error
    this.#work?.hasFailed()
    this.#state.moveTo('failed', error.code)
    this.#host.failed(this, error)
  }

  /** See CoordinatorApi.announce. */
  announce(announcement: Announcement): Promise<boolean> {
    return this.#work?.announce(announcement) ?? Promise.resolve(true)
  }

  /** See CoordinatorApi.aloneOver. */
  aloneOver(runsOn: boolean): Promise<void> {
    return this.#work?.aloneOver(runsOn) ?? Promise.resolve()
  }

  /**
   * Commits what is finished and what is in hand, if that has changed since it was stored. Resolves with the offset, or
   * null if that is what it was when this was asked last. What is announced is stored in between.
   */
  async commit(): Promise<Offset | null> {
    await this.#commit()
    if (this.isUnwanted || this.#committed === this.#told) return null
    this.#told = this.#committed
    return this.#told
  }

  #commit(): Promise<void> {
    const commit = this.#commits.catch(() => {}).then(() => this.#commitNow()) // reported to its own caller; this one tries again
    this.#commits = commit
    return commit
  }

  async #commitNow(): Promise<void> {
    const claim = this.#claim
    const progress = this.#progress?.now
    if (claim === null || progress === undefined || this.#progress!.isStored(progress)) return
    if (this.#state.isFinal || this.isUnwanted) return // the release stores it; of a void claim nothing is stored
    const offset = committableOf(progress)
    await this.#host.storage.commit(claim, offset, progress)
    this.#progress!.wasStored(progress)
    this.#committed = offset
  }

  async #startWork(): Promise<void> {
    try {
      // The end must not wait for brokers.
      const found = Promise.all([this.#host.resolveStart(this.#claim!), this.#host.placed()])
      const [start] = await unlessAborted(found, this.#giveUp.signal)
      if (!this.isUnwanted) this.#tellClaimed(start)
      // Given up meanwhile, or by whoever was told: the next operation ends it.
      if (this.isUnwanted) return
      await this.#work!.start()
    } catch (error) {
      await this.#startFailed(partitionError(error, this))
    }
  }

  #tellClaimed({ offset, progress: stored, alive }: ClaimStart): void {
    const progress = new ClaimProgress(stored, this.#host.progressRules, alive)
    this.#committed = this.#told = offset
    this.#progress = progress
    this.#work = this.#createWork(progress, lanesOfClaim(progress.found, this.#host.ownLanes, offset))
    this.#host.claimed(this)
    if (progress.killer !== null) this.#giveUpKiller(progress.killer)
  }

  #createWork(progress: ClaimProgress, lanes: ClaimLanes): PartitionWork {
    return createWork(lanes, progress, this.#host.maxInHand, this.#workHost(this.#claim!))
  }

  /** The lanes that a member with other settings has left have come to the same offset: ours begin there. */
  #relane(): Promise<void> {
    return this.#enqueue(async () => {
      const [progress, before] = [this.#progress!, this.#work!]
      if (!this.#beginMove('to lanes of its own')) return // it ended or failed while this waited for its turn
      const watch = this.#host.watchRelane(this)
      await before.drain().finally(() => watch.stop())
      // While it drained it may have failed, or been given up: then the next operation ends it.
      if (!this.#mayRun || this.isUnwanted) return
      const { now } = progress
      this.#handledBefore += before.handled
      this.#work = this.#createWork(progress, lanesOfClaim(now, this.#host.ownLanes, committableOf(now)))
      await this.#work.start()
    })
  }

  #giveUpKiller(killer: ProcessKiller): void {
    const error = killedProcess(this, killer)
    this.#work!.lastAttemptFailed(killer, toWire(error))
    this.#host.killerFound(this, error)
  }

  #workHost({ epoch }: Claim): PartitionWorkHost {
    const { topic, partition } = this
    return {
      laneId: { topic, partition, epoch, lane: this.#works++ },
      generation: this.#generation,
      givenUp: this.#giveUp.signal,
      isPaused: () => this.#host.isPaused(this),
      chooseThread: () => this.#host.chooseThread(this),
      replacementOf: thread => this.#host.replacementOf(thread),
      inTurn: operation => this.#enqueue(operation),
      mayGoOn: () => this.#state.is('starting', 'running', 'moving') && !this.isUnwanted,
      lanesAreLevel: () =>
        void this.#relane().catch((error: unknown) => this.fail(partitionError(error, this))),
      rings: this.#host.rings,
      beginMove: reason => this.#beginMove(reason),
      runs: where => {
        if (this.#mayRun) this.#state.moveTo('running', where)
      },
      fail: error => this.fail(partitionError(error, this)),
      commit: () => this.#commit(),
      runAlone: () => this.#host.runAlone(this),
      noLongerAlone: () => this.#host.noLongerAlone(this),
    }
  }

  /** It is to run, and does not yet: it has neither failed nor is it being ended. */
  get #mayRun(): boolean {
    return this.#state.is('starting', 'moving')
  }

  #beginMove(reason: string): boolean {
    if (!this.#state.is('running')) return false
    this.#state.moveTo('moving', reason)
    return true
  }

  /** What may work in a while is given back and thrown, for whoever asked to try again; anything else stops the partition. */
  async #startFailed(error: GroupError): Promise<void> {
    if (this.isUnwanted) return // the next operation ends it
    if (!error.retryable) {
      this.fail(error)
      return
    }
    this.#state.moveTo('draining', error.code)
    await this.#giveBack(this.#claim!, error.code, null)
    throw error
  }

  /** Never beyond what is finished, whatever is asked for: what lies between would be lost. Null: the start is not known. */
  #progressToStore(nextOffset: Offset): Progress | null {
    if (this.#progress === null) return null
    const progress = this.#progress.atRelease(this.#failure !== null)
    const goesBack = nextOffset < committableOf(progress)
    return goesBack ? progressAt(nextOffset, progress.topicId, progress.open) : progress
  }

  async #giveBack(claim: Claim, reason: string, progress: Progress | null): Promise<void> {
    const offset = progress && committableOf(progress)
    try {
      const release = { claim, offset, progress: progress ?? undefined }
      await releaseClaim(this.#host.storage, release, this.#host.giveUpReleasing)
    } catch (error) {
      this.#end('lost', messageOf(error))
      const isMissing = offset !== null && offset !== claim.committedOffset && offset !== this.#committed
      if (isMissing || isRefusal(error)) this.#host.notStored(this, partitionError(error, this))
      throw error
    }
    this.#committed = offset
    this.#end('released', reason)
  }

  #end(state: 'released' | 'lost', reason: string): void {
    this.#state.moveTo(state, reason)
    if (this.#work !== null) this.#host.released(this, reason) // else nobody was told that it was claimed
  }

  #enqueue(operation: () => Promise<void>): Promise<void> {
    const result = this.#operations.then(operation)
    this.#operations = result.catch(() => {}) // reported to whoever asked for the operation; the next one starts from the state it left
    return result
  }
}

function partitionError(error: unknown, { topic, partition }: TopicPartition): GroupError {
  return asGroupError(error, partitionName({ topic, partition }), { topic, partition })
}
