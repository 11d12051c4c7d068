import type { GroupEvents } from '../events.ts'
import type { GroupError } from '../shared/errors.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { Logger } from '../shared/logger.ts'
import type { Move } from '../shared/state-machine.ts'
import type { Offset, TopicPartition } from '../shared/types.ts'
import type { BlamedAttempt } from './failures/blame.ts'
import type { RecordInHand } from './failures/failure-errors.ts'
import type { GroupState } from './group-state.ts'
import type { OwnedPartition } from './partitions/owned-partition.ts'

/** What the group tells the program that it runs in: events; errors and states are logged, too. */
export class GroupReports {
  readonly #events: GroupEvents
  readonly #logger: Logger

  constructor(events: GroupEvents, logger: Logger) {
    this.#events = events
    this.#logger = logger
  }

  moved(move: Move<GroupState>): void {
    this.#logger.info({ ...move }, 'group state')
    this.#events.emit('group:state', move)
  }

  error(error: GroupError): void {
    this.#logger.error({ code: error.code, details: error.details, err: toLoggable(error) }, error.message)
    this.#events.emit('error', error)
  }

  rebalanced(all: readonly OwnedPartition[]): void {
    const waiting = all.filter(partition => partition.state === 'waiting').length
    this.#events.emit('group:rebalanced', { owned: all.length - waiting, waiting })
  }

  claimed(one: OwnedPartition): void {
    this.#events.emit('partition:claimed', partitionEvent(one, one.memory?.floor ?? 0))
  }

  released(one: OwnedPartition, reason: string): void {
    this.#events.emit('partition:released', { ...partitionEvent(one, one.committed ?? 0), reason })
  }

  committed(offsets: readonly (TopicPartition & { readonly offset: Offset })[]): void {
    this.#events.emit('offsets:committed', {
      offsets: offsets.map(one => ({ ...one, offset: BigInt(one.offset) })),
    })
  }

  threadDied({ threadId }: { readonly threadId: number }, error: GroupError): void {
    this.#events.emit('worker:died', { threadId, error })
  }

  /** The record is run again on another thread. */
  attemptEndedItsThread(attempt: RecordInHand & BlamedAttempt, error: GroupError, retryInMs: number): void {
    const { offset } = attempt
    this.#events.emit('record:failed', { ...attempt, offset: BigInt(offset), error, retryInMs })
  }

  threadReplaced({ threadId }: { readonly threadId: number }): void {
    this.#events.emit('worker:replaced', { threadId })
  }
}

function partitionEvent(
  one: OwnedPartition,
  offset: Offset,
): { topic: string; partition: number; epoch: bigint; offset: bigint } {
  return { topic: one.topic, partition: one.partition, epoch: one.claim?.epoch ?? 0n, offset: BigInt(offset) }
}
