import type { GroupEvents } from '../events.ts'
import { fromWire } from '../shared/error-wire.ts'
import type { GroupError } from '../shared/errors.ts'
import { toLoggable } from '../shared/loggable-error.ts'
import type { Logger } from '../shared/logger.ts'
import type { AttemptFailure } from '../shared/protocol.ts'
import type { Move } from '../shared/state-machine.ts'
import type { Offset, TopicPartition } from '../shared/types.ts'
import { recordSkipped } from './coordinator-errors.ts'
import type { BlamedRecord } from './failures/failure-errors.ts'
import type { GroupState } from './group-state.ts'
import type { OwnedPartition } from './partitions/owned-partition.ts'

const ATTEMPT_FAILED: Readonly<Record<AttemptFailure['outcome'], string>> = {
  retry: 'an attempt failed; the record is run again',
  skipped: 'the attempts of a record are used up; it is left out',
  'dead-lettered': 'the attempts of a record are used up; it is in the dead-letter topic',
}

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
    this.#events.emit('partition:claimed', partitionEvent(one, one.work?.read().floor ?? 0))
  }

  released(one: OwnedPartition, reason: string): void {
    this.#events.emit('partition:released', { ...partitionEvent(one, one.committed ?? 0), reason })
  }

  committed(offsets: readonly (TopicPartition & { readonly offset: Offset })[]): void {
    this.#events.emit('offsets:committed', {
      offsets: offsets.map(one => ({ ...one, offset: BigInt(one.offset) })),
    })
  }

  /** By event: repeated, left out or dead-lettered. That a record was left out needs a person, so it is an error event, too. */
  attemptFailed(
    { threadId }: { readonly threadId: number },
    failure: AttemptFailure,
    deadLetter: { readonly topic: string } | null,
  ): void {
    const { attempt, outcome, retryInMs } = failure
    const { topic, partition } = failure.lane
    const error = fromWire(failure.error)
    const event = { topic, partition, offset: BigInt(failure.offset), threadId, error }
    this.#logger.warn(
      { topic, partition, offset: failure.offset, attempt, threadId, retryInMs, err: toLoggable(error) },
      ATTEMPT_FAILED[outcome],
    )
    switch (outcome) {
      case 'retry':
        this.#events.emit('record:failed', { ...event, attempt, retryInMs: retryInMs ?? 0 })
        return
      case 'skipped':
        this.#events.emit('record:skipped', { ...event, attempts: attempt })
        this.error(recordSkipped({ ...event, attempts: attempt }))
        return
      case 'dead-lettered':
        this.#events.emit('record:dead-lettered', {
          ...event,
          attempts: attempt,
          deadLetterTopic: deadLetter?.topic ?? '',
        })
        return
    }
  }

  threadDied({ threadId }: { readonly threadId: number }, error: GroupError): void {
    this.#events.emit('worker:died', { threadId, error })
  }

  /** The record is run again on another thread. */
  attemptEndedItsThread(attempt: BlamedRecord, error: GroupError, retryInMs: number): void {
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
