import { toWire } from '../../shared/error-wire.ts'
import { asGroupError, GroupError, isGroupError, messageOf } from '../../shared/errors.ts'
import type { LaneMemory } from '../../shared/memory/lane-memory.ts'
import type { Announcement, AttemptsUsedUp, LaneId } from '../../shared/protocol.ts'
import { StateMachine, type MoveTable } from '../../shared/state-machine.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import { unlessAborted } from '../../shared/unless-aborted.ts'
import type { WantedPartition } from '../assignment/assignment.ts'
import { Aftermath } from '../failures/aftermath.ts'
import type { BlamedAttempt } from '../failures/blame.ts'
import { ClaimProgress } from '../progress/claim-progress.ts'
import { killedProcess, type ProcessKiller } from '../progress/process-killer.ts'
import { committableOf, progressAt, type Progress } from '../progress/progress.ts'
import { CarefulLane } from './careful-lane.ts'
import type { OwnedPartitionHost } from './owned-partition-host.ts'
import { isRefusal, releaseClaim } from './release-claim.ts'
import type { ClaimStart } from './start-offsets.ts'
import type { Claim } from '../storage/group-storage.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'

/**
 * | state    | what is true inside it                                                        |
 * | -------- | ----------------------------------------------------------------------------- |
 * | waiting  | this member should own the partition and asks for the claim                   |
 * | starting | the claim is held; its start is being resolved and its lane started           |
 * | running  | a thread works it off                                                         |
 * | moving   | drained on one thread, not yet started on the other                           |
 * | failed   | the claim is held, but an error stopped the lane; the offset stays            |
 * | draining | the lane is being ended, to be released or because the claim is void          |
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
  /** Set when the start is known. */
  #progress: ClaimProgress | null = null
  /** How a careful claim runs; null for an ordinary one. */
  #carefulLane: CarefulLane | null = null
  #generation = 0
  /** The thread whose lane may run; null before the start and once drained. */
  #thread: WorkerThread | null = null
  /** Records of this claim that other threads had finished when the present one was given the lane. */
  #handledElsewhere = 0
  #committed: Offset | null = null
  #failure: GroupError | null = null
  readonly #aftermath = new Aftermath()

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

  get memory(): LaneMemory | null {
    return this.#progress?.memory ?? null
  }

  /** The incarnation of the topic that is read; null before the start is known, and where brokers have no topic ids. */
  get topicId(): string | null {
    return this.#progress?.topicId ?? null
  }

  get thread(): WorkerThread | null {
    return this.#thread
  }

  /** Records that the present thread has finished of this claim. */
  get handledOnThread(): number {
    return ((this.memory?.handled ?? 0) - this.#handledElsewhere) >>> 0
  }

  get committed(): Offset | null {
    return this.#committed
  }

  get failure(): GroupError | null {
    return this.#failure
  }

  /** The thread is inside a slice of its lane, perhaps in its handler. */
  get hasSliceInHand(): boolean {
    return this.memory?.hasSliceInHand ?? false
  }

  /** A record is taken and not finished. */
  get hasInHand(): boolean {
    return (this.memory?.inHand ?? 'nothing') !== 'nothing'
  }

  /** Nothing of it may begin while a lane of another partition runs alone. */
  get isHeld(): boolean {
    return this.#host.isHeld(this)
  }

  get isEnded(): boolean {
    return this.#state.isFinal
  }

  /** It was released or abandoned, even if that has not ended yet. */
  get isUnwanted(): boolean {
    return this.#giveUp.signal.aborted
  }

  get laneId(): LaneId | null {
    return this.#claim === null
      ? null
      : { topic: this.topic, partition: this.partition, epoch: this.#claim.epoch, lane: 0 }
  }

  /** Claims the partition and starts its lane. Resolves when it runs, failed or was given up; rejects if the claim cannot be asked for. */
  acquire(): Promise<void> {
    return this.#enqueue(async () => {
      const claim = await this.#host.storage.claim(this, {
        signal: this.#giveUp.signal,
        onRefused: holder => this.#host.refused(this, holder),
      })
      this.#claim = claim
      this.#generation = this.#host.generation()
      this.#committed = claim.committedOffset
      this.#state.moveTo('starting', 'claimed')
      if (!this.isUnwanted) await this.#startLane() // else it was given up while it was claimed: the next operation ends it
    })
  }

  /** Hands the lane to another thread: drain, then go on there from the same shared memory. */
  moveTo(thread: WorkerThread): Promise<void> {
    return this.#enqueue(async () => {
      if (!this.#state.is('running') || this.#thread === thread) return // it ended or failed while the move waited for its turn
      this.#state.moveTo('moving', `to thread ${thread.threadId}`)
      await this.#drainLane()
      // While it drained it may have failed, or been given up: then the next operation ends it.
      if (this.#state.is('moving') && !this.isUnwanted) await this.#runLane(thread)
    })
  }

  /**
   * Its thread is about to be ended: drains there, says so, and goes on where `replacement` tells. Also where the thread
   * ends before that: what was in hand is then handled again.
   */
  moveOff(thread: WorkerThread, replacement: Promise<WorkerThread>, drained: () => void): Promise<void> {
    return this.#enqueue(async () => {
      const isThere = this.#state.is('running') && this.#thread === thread
      if (isThere) {
        this.#state.moveTo('moving', `off thread ${thread.threadId}`)
        await this.#drainLane()
      }
      drained()
      if (isThere) await this.#goOnOn(replacement)
    })
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
      await this.#drainLane()
      await this.#commits.catch(() => {}) // a failed commit was reported to who asked for it; the release commits again
      await this.#giveBack(this.#claim, reason, this.#progressToStore(nextOffset))
    })
  }

  /** Ends the lane of a claim that is void: nothing is committed or released. */
  abandon(reason: string): Promise<void> {
    this.#giveUp.abort(new GroupError('CLAIM_LOST', `${partitionName(this)}: ${reason}`))
    void this.abortSignal(reason)
    return this.#enqueue(async () => {
      if (this.#state.isFinal) return
      this.#state.moveTo(this.#claim === null ? 'released' : 'draining', reason)
      await this.#drainLane()
      if (this.#claim !== null) this.#end('lost', reason)
    })
  }

  /** Tells the handler in hand to give up. */
  async abortSignal(reason: string): Promise<void> {
    const id = this.laneId
    if (this.#thread === null || id === null) return
    await ignoreDeath(this.#thread.abortLane(id, reason))
  }

  async setPaused(paused: boolean): Promise<void> {
    const id = this.laneId
    if (this.#thread === null || id === null) return
    await ignoreDeath(this.#thread.setPaused(id, paused))
  }

  /** Its thread has exited, and the attempt of the record in hand failed with that: it is in the memory. */
  attemptFailed({ offset, attempt }: BlamedAttempt, error: GroupError): void {
    this.#aftermath.failed({ offset, attempts: attempt }, toWire(error))
  }

  /** The record in hand is about to be stored elsewhere. */
  attemptsUsedUp({ offset, attempts, error }: AttemptsUsedUp): void {
    this.#aftermath.failed({ offset, attempts }, error)
  }

  /** Its thread has exited, and what it had in hand may be why. */
  suspect(): void {
    if (this.memory !== null) this.#aftermath.suspect(this.memory)
  }

  /** The lane reported that it stopped; the claim is kept, so that no other member runs into the same record. */
  fail(error: GroupError): void {
    if (!this.#state.is('starting', 'running', 'moving')) return // it is ending anyway
    this.#failure = error
    this.#carefulLane?.rest()
    this.#state.moveTo('failed', error.code)
    this.#host.failed(this, error)
  }

  /** See CoordinatorApi.announce. */
  announce(announcement: Announcement): Promise<boolean> {
    return this.#carefulLane?.announce(announcement) ?? Promise.resolve(true)
  }

  /** See CoordinatorApi.aloneOver. */
  aloneOver(): Promise<void> {
    return this.#carefulLane?.aloneOver() ?? Promise.resolve()
  }

  /**
   * Commits what is finished and what is in hand, if that has changed since it was stored. Resolves with the offset, or
   * null if that has not changed.
   */
  commit(): Promise<Offset | null> {
    const commit = this.#commits.catch(() => {}).then(() => this.#commitNow()) // reported to its own caller; this one tries again
    this.#commits = commit
    return commit
  }

  async #commitNow(): Promise<Offset | null> {
    const claim = this.#claim
    const progress = this.#progress?.now
    if (claim === null || progress === undefined || this.#progress!.isStored(progress)) return null
    if (this.#state.isFinal || this.isUnwanted) return null // the release stores it; of a void claim nothing is stored
    const offset = committableOf(progress)
    await this.#host.storage.commit(claim, offset, progress)
    this.#progress!.wasStored(progress)
    const hasMoved = offset !== this.#committed
    this.#committed = offset
    return hasMoved ? offset : null
  }

  async #startLane(): Promise<void> {
    try {
      const found = Promise.all([this.#host.resolveStart(this.#claim!), this.#host.placed()])
      const [start] = await this.#unlessGivenUp(found)
      if (!this.isUnwanted) this.#tellClaimed(start)
      // Given up meanwhile, or by whoever was told: the next operation ends it.
      if (this.isUnwanted) return
      await this.#runLane(this.#host.chooseThread(this))
    } catch (error) {
      await this.#startFailed(partitionError(error, this))
    }
  }

  #tellClaimed({ offset, progress: stored, alive }: ClaimStart): void {
    const progress = new ClaimProgress(offset, stored, this.#host.progressRules, alive)
    this.#committed = offset
    this.#progress = progress
    if (progress.careful !== null) this.#carefulLane = this.#createCarefulLane(progress)
    this.#host.claimed(this)
    if (progress.killer !== null) this.#giveUpKiller(progress.killer)
  }

  #giveUpKiller(killer: ProcessKiller): void {
    const error = killedProcess(this, killer)
    this.#aftermath.failed(killer, toWire(error))
    this.#host.killerFound(this, error)
  }

  #createCarefulLane(progress: ClaimProgress): CarefulLane {
    return new CarefulLane(progress, {
      commit: () => this.commit(),
      runAlone: () => this.#host.runAlone(this),
      noLongerAlone: () => this.#host.noLongerAlone(this),
      givenUp: this.#giveUp.signal,
    })
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

  async #goOnOn(replacement: Promise<WorkerThread>): Promise<void> {
    try {
      const thread = await this.#unlessGivenUp(replacement)
      // While it was waited for it may have failed, or been given up: then the next operation ends it.
      if (this.#state.is('starting', 'moving') && !this.isUnwanted) await this.#runLane(thread)
    } catch (error) {
      const isStopping = isGroupError(error, 'NOT_RUNNING') // then nothing is wrong with it: the next operation ends it
      if (!this.isUnwanted && !isStopping) this.fail(partitionError(error, this))
    }
  }

  /** Rejects as soon as the partition is given up: the end must not wait for brokers, or for a thread that still starts. */
  #unlessGivenUp<T>(work: Promise<T>): Promise<T> {
    return unlessAborted(work, this.#giveUp.signal)
  }

  async #runLane(thread: WorkerThread): Promise<void> {
    this.#thread = thread // known while it is not ready: the next lanes are placed with that in mind
    this.#carefulLane?.rest() // whatever it ran on the thread before, even if that ended before it said that the lane runs
    try {
      await this.#unlessGivenUp(thread.whenReady())
    } catch (error) {
      await this.#notStarted(thread, error)
      return
    }
    await this.#startOn(thread)
  }

  async #startOn(thread: WorkerThread): Promise<void> {
    const { memory, careful } = this.#progress!
    const paused = this.#host.isPaused(this)
    try {
      await thread.startLane({
        ...this.laneId!,
        memory: memory.buffer,
        generation: this.#generation,
        paused,
        ...this.#aftermath.of(memory),
        careful: careful?.start ?? null,
      })
    } catch (error) {
      await this.#notStarted(thread, error)
      return
    }
    // The lane may have failed, or the pause may have changed, while it started.
    if (this.#state.is('starting', 'moving')) this.#state.moveTo('running', `on thread ${thread.threadId}`)
    if (this.#host.isPaused(this) !== paused) await this.setPaused(!paused)
  }

  async #notStarted(thread: WorkerThread, error: unknown): Promise<void> {
    if (error === this.#giveUp.signal.reason) {
      this.#thread = null // nothing of it was asked of the thread: the next operation has nothing to drain
      return
    }
    const replacement = isGroupError(error, 'WORKER_DIED') ? this.#host.replacementOf(thread) : null
    if (replacement === null) this.fail(partitionError(error, this))
    else await this.#goOnOn(replacement)
  }

  async #drainLane(): Promise<void> {
    const thread = this.#thread
    const id = this.laneId
    if (thread === null || id === null) return
    await ignoreDeath(thread.drainLane(id))
    thread.creditHandled(this.handledOnThread)
    this.#handledElsewhere = this.memory?.handled ?? 0
    this.#carefulLane?.rest()
    this.#thread = null
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
    if (this.#progress !== null) this.#host.released(this, reason) // else nobody was told that it was claimed
  }

  #enqueue(operation: () => Promise<void>): Promise<void> {
    const result = this.#operations.then(operation)
    this.#operations = result.catch(() => {}) // reported to whoever asked for the operation; the next one starts from the state it left
    return result
  }
}

/** A thread that died has no lane any more: what was asked of it is done. */
async function ignoreDeath(call: Promise<void>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isGroupError(error, 'WORKER_DIED')) throw error
  }
}

function partitionError(error: unknown, { topic, partition }: TopicPartition): GroupError {
  return asGroupError(error, partitionName({ topic, partition }), { topic, partition })
}
