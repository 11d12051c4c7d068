import type { ResolvedOptions } from '../../options/types.ts'
import { fromWire, type ErrorWire } from '../../shared/error-wire.ts'
import { GroupError, isGroupError } from '../../shared/errors.ts'
import type {
  Announcement,
  AttemptFailure,
  DeadLetter,
  LaneId,
  WorkerMessage,
} from '../../shared/protocol.ts'
import { partitionName, type Offset } from '../../shared/types.ts'
import { topicRecreated } from '../coordinator-errors.ts'
import type { KafkaCluster } from '../kafka/cluster.ts'
import type { OwnedPartition } from '../partitions/owned-partition.ts'
import type { PartitionSet } from '../partitions/partition-set.ts'
import { FIRST_OFFSET } from '../partitions/start-offsets.ts'
import type { ThreadDeath } from '../threads/thread-death.ts'
import type { WorkerThread, WorkerThreadListener } from '../threads/worker-thread.ts'

export interface WorkerDeskParts {
  readonly options: ResolvedOptions
  readonly cluster: KafkaCluster
  readonly partitions: PartitionSet
  /** Null: the member writes none. */
  readonly deadLetters: { send(letter: DeadLetter): Promise<void> } | null
  attemptFailed(thread: WorkerThread, failure: AttemptFailure): void
  leadersStale(reason: string): void
  threadExited(thread: WorkerThread, death: ThreadDeath | null): void
  report(error: GroupError): void
  /** Gives the partition up and claims it again: to go on at `offset`, or where its claim then finds that it starts. */
  restart(partition: OwnedPartition, reason: string, offset?: Offset): void
}

interface LogEnds {
  readonly earliest: Offset
  /** Of the record that comes next. */
  readonly latest: Offset
}

/** The broker that is asked may hear of a new topic after the one that leads its partitions. */
const LOOKS_FOR_NEW_TOPIC = 3

/** Where the threads' messages and questions arrive. What concerns a claim that is over finds nothing and is dropped. */
export class WorkerDesk implements WorkerThreadListener {
  readonly #parts: WorkerDeskParts

  constructor(parts: WorkerDeskParts) {
    this.#parts = parts
  }

  message(thread: WorkerThread, message: WorkerMessage): void {
    switch (message.type) {
      case 'log':
        this.#parts.options.logger[message.level](
          { threadId: thread.threadId, ...message.fields },
          message.message,
        )
        return
      case 'leaders-stale':
        this.#parts.leadersStale(message.reason)
        return
      case 'record-failed':
        this.#parts.attemptFailed(thread, message) // it has happened, whether the claim is over or not
        return
      case 'attempts-used-up':
        this.#find(message.lane)?.attemptsUsedUp(message)
        return
      case 'lane-failed':
        this.#laneFailed(thread, message.lane, wireToGroupError(message.error))
        return
      case 'lane-troubled':
        if (this.#find(message.lane) !== undefined) this.#parts.report(wireToGroupError(message.error))
        return
    }
  }

  exited(thread: WorkerThread, death: ThreadDeath | null): void {
    this.#parts.threadExited(thread, death)
  }

  /**
   * The reset policy, told as an error event and never silent. The first record instead of the end for a partition that was
   * never read, and for one of which records beyond that position were finished already: what lies between would be lost.
   * OFFSET_OUT_OF_RANGE: the lane stops, or is restarted from here. TOPIC_RECREATED: it is restarted from here, and what the policy says does not matter.
   * BROKER_DISCONNECTED: the log has the position by now, as its leader was behind; the lane is to try again.
   */
  async resolveOutOfRange(lane: LaneId, position: Offset): Promise<Offset> {
    await this.#restartIfRecreated(lane)
    const log = await this.#readLog(lane)
    if (position >= log.earliest && position <= log.latest) throw leaderWasBehind(lane, position)
    const policy = this.#parts.options.offsetReset
    if (policy === 'none')
      throw outOfRangeError(lane, position, "offsetReset is 'none', so the partition stops")
    const { next, why } = this.#whereToGoOn(lane, position, policy, log)
    const error = outOfRangeError(lane, position, `going on at ${next} (${why})`)
    this.#parts.report(error)
    if (next >= position) return next
    const partition = this.#find(lane)
    if (partition !== undefined) this.#parts.restart(partition, `restarting at offset ${next}`, next)
    throw error
  }

  async deadLetter(letter: DeadLetter): Promise<void> {
    const { deadLetters } = this.#parts
    if (deadLetters === null)
      throw new GroupError('INTERNAL', "a thread has a dead letter, but onFailure is not 'dead-letter'")
    await deadLetters.send(letter)
  }

  async announce(thread: WorkerThread, lane: LaneId, announcement: Announcement): Promise<boolean> {
    const partition = this.#findOn(thread, lane)
    if (partition === undefined) throw notOnThread(lane)
    return partition.announce(announcement)
  }

  async aloneOver(thread: WorkerThread, lane: LaneId, runsOn: boolean): Promise<void> {
    await this.#findOn(thread, lane)?.aloneOver(runsOn)
  }

  oauthToken(): Promise<{ value: string }> {
    const { sasl } = this.#parts.options.kafka.connection
    if (sasl?.mechanism !== 'oauthbearer')
      throw new GroupError('INTERNAL', 'a thread asked for a token, but sasl is not oauthbearer')
    return sasl.oauthBearerProvider()
  }

  #whereToGoOn(
    lane: LaneId,
    position: Offset,
    policy: 'earliest' | 'latest',
    log: LogEnds,
  ): { next: Offset; why: string } {
    // Nothing of it was ever read, and a new one may have been pinned there unasked: at the end all would be lost.
    if (position === FIRST_OFFSET) return { next: log.earliest, why: 'nothing of it was read' }
    // A record in hand that has left the log since, while those behind it were handled.
    if (log.earliest > position && this.#hasReadBeyond(lane, position))
      return { next: log.earliest, why: 'records behind it were read' }
    return { next: log[policy], why: `offsetReset '${policy}'` }
  }

  async #readLog(lane: LaneId): Promise<LogEnds> {
    const [earliest, latest] = await Promise.all([
      this.#endOfLog(lane, 'earliest'),
      this.#endOfLog(lane, 'latest'),
    ])
    return { earliest, latest }
  }

  async #endOfLog(lane: LaneId, at: 'earliest' | 'latest'): Promise<Offset> {
    const { options, cluster } = this.#parts
    const isReadCommitted = options.fetch.isolation === 'read_committed'
    const [target] = await cluster.listOffsets([lane], at, isReadCommitted)
    return target!.offset
  }

  #hasReadBeyond(lane: LaneId, position: Offset): boolean {
    const frontiers = this.#find(lane)?.work?.worked().frontiers ?? []
    return frontiers.some(frontier => frontier > position)
  }

  /** The log of a topic that was made again is shorter; at `latest` all that it holds would be skipped. */
  async #restartIfRecreated(lane: LaneId): Promise<void> {
    const partition = this.#find(lane)
    const topicId = partition?.topicId ?? null
    if (partition === undefined || topicId === null) return
    for (let look = 1; look <= LOOKS_FOR_NEW_TOPIC; look += 1) {
      await this.#parts.cluster.refresh()
      const present: string = this.#parts.cluster.topicIdOf(lane.topic) ?? topicId
      if (present === topicId) continue
      // While the brokers were asked somebody else may have restarted it: then nothing is found.
      if (this.#find(lane) === partition) this.#parts.restart(partition, 'its topic was made again')
      throw topicRecreated(lane, topicId, present)
    }
  }

  /** Of a lane that has left the thread: whoever goes on with it meets the same record. */
  #laneFailed(thread: WorkerThread, lane: LaneId, error: GroupError): void {
    const partition = this.#findOn(thread, lane)
    if (partition !== undefined) partition.fail(error)
    else if (this.#find(lane) !== undefined) this.#parts.report(error)
  }

  /**
   * Of a lane that still is on the thread. Each port of a thread has an order of its own: what a lane said before it was
   * drained may arrive behind the answer to the drain, and then it must not touch the lane on its next thread.
   */
  #findOn(thread: WorkerThread, lane: LaneId): OwnedPartition | undefined {
    const partition = this.#find(lane)
    return partition?.isOn(thread, lane.lane) === true ? partition : undefined
  }

  #find(lane: LaneId): OwnedPartition | undefined {
    const partition = this.#parts.partitions.get(lane)
    return partition?.claim?.epoch === lane.epoch ? partition : undefined
  }
}

function wireToGroupError(wire: unknown): GroupError {
  const error = fromWire(wire as ErrorWire)
  return isGroupError(error) ? error : new GroupError('INTERNAL', error.message, { cause: error })
}

function notOnThread(lane: LaneId): GroupError {
  const { topic, partition } = lane
  return new GroupError(
    'CLAIM_LOST',
    `${partitionName(lane)} is not claimed any more, or on another thread: nothing of it may run here`,
    {
      details: { topic, partition },
    },
  )
}

/** Retryable: the lane rests, and asks anew. */
function leaderWasBehind(lane: LaneId, position: Offset): GroupError {
  return new GroupError(
    'BROKER_DISCONNECTED',
    `offset ${position} of ${partitionName(lane)} was outside of the log for a moment: its leader may have been behind`,
    { details: { topic: lane.topic, partition: lane.partition, offset: position } },
  )
}

function outOfRangeError(lane: LaneId, position: Offset, whatNext: string): GroupError {
  return new GroupError(
    'OFFSET_OUT_OF_RANGE',
    `offset ${position} of ${partitionName(lane)} is outside of the log; ${whatNext}`,
    {
      details: { topic: lane.topic, partition: lane.partition, offset: position },
    },
  )
}
