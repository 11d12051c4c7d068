import { fromWire, type ErrorWire } from '../shared/error-wire.ts'
import {
  asGroupError,
  fieldOf,
  GroupError,
  isGroupError,
  messageOf,
  toError,
  type ErrorCode,
} from '../shared/errors.ts'
import { partitionName, type Offset, type TopicPartition } from '../shared/types.ts'

/** Which attempt on what; the details of its errors. */
export interface AttemptPlace extends TopicPartition {
  readonly offset: Offset
  /** Of a batch that failed as a whole: its last record. */
  readonly lastOffset?: Offset
  /** From 1. */
  readonly attempt: number
  readonly threadId: number
}

/** What reading a record's fields throws, inside of the handler; and the end of its time. */
const KEPT: readonly ErrorCode[] = ['DECODE_FAILED', 'BATCH_CORRUPT', 'HANDLER_TIMEOUT']

export function nameOfPlace(place: AttemptPlace): string {
  const { offset, lastOffset = offset } = place
  const offsets = lastOffset === offset ? `offset ${offset}` : `offsets ${offset} to ${lastOffset}`
  return `${partitionName(place)} at ${offsets}`
}

/** The handler threw or rejected, or read a value that cannot be decoded, or took too long. */
export function attemptFailed(place: AttemptPlace, thrown: unknown): GroupError {
  const details = { ...place }
  const ownCode = KEPT.find(code => isGroupError(thrown, code))
  if (ownCode !== undefined)
    return new GroupError(ownCode, messageOf(thrown), {
      details,
      cause: fieldOf(thrown as GroupError, 'cause'), // it went through the handler, which may have changed it
    })
  return new GroupError(
    'HANDLER_FAILED',
    `the handler failed on ${nameOfPlace(place)}: ${messageOf(thrown)}`,
    {
      details,
      cause: thrown ?? toError(thrown), // `throw undefined` has a cause, too
    },
  )
}

export function attemptTimedOut(place: AttemptPlace, timeoutMs: number, cause?: unknown): GroupError {
  return new GroupError(
    'HANDLER_TIMEOUT',
    `the handler took longer than handlerTimeoutMs (${timeoutMs}) for ${nameOfPlace(place)}`,
    { details: { ...place }, cause },
  )
}

/** What failed the last attempt on another thread. */
export function lastFailure(wire: ErrorWire): GroupError {
  return asGroupError(fromWire(wire), 'the last attempt failed')
}

/** Nobody who is still there saw how the attempts failed. */
export function usedUpBefore(place: AttemptPlace): GroupError {
  return new GroupError(
    'HANDLER_FAILED',
    `the attempts of the record at offset ${place.offset} of ${partitionName(place)} were used up before this thread got it`,
    { details: { ...place } },
  )
}

/** The last attempt failed, and there the partition stops. */
export function partitionStops(error: GroupError): GroupError {
  return new GroupError(error.code, `${error.message}; the partition stops there and its offset stays`, {
    details: error.details,
    cause: error.cause,
  })
}

/** The last attempt failed, and what failed it cannot be kept with the record either. */
export function deadLetterFailed(place: AttemptPlace, thrown: unknown): GroupError {
  return new GroupError(
    'DEAD_LETTER_FAILED',
    `the dead letter of the record at offset ${place.offset} of ${partitionName(place)} could not be stored: ${messageOf(thrown)}`,
    { details: { ...place }, cause: thrown },
  )
}

/** What came next in a partition cannot be read: adds where to what is wrong. */
export function feedFailed(
  { topic, partition }: TopicPartition,
  offset: Offset,
  thrown: unknown,
): GroupError {
  const where = partitionName({ topic, partition })
  if (!isGroupError(thrown))
    return new GroupError('INTERNAL', `${where} at offset ${offset}: ${messageOf(thrown)}`, {
      details: { topic, partition, offset },
      cause: thrown,
    })
  if (thrown.details['topic'] !== undefined) return thrown
  return new GroupError(thrown.code, `${where}: ${thrown.message}`, {
    details: { offset, ...thrown.details, topic, partition },
    cause: thrown.cause,
  })
}

/** Why handlers are to give up for good. */
export function claimLost({ topic, partition }: TopicPartition, reason: string): GroupError {
  return new GroupError('CLAIM_LOST', `${partitionName({ topic, partition })}: ${reason}`, {
    details: { topic, partition },
  })
}

export function hookFailed(hook: string, partition: TopicPartition | null, thrown: unknown): GroupError {
  const where = partition === null ? '' : ` for ${partitionName(partition)}`
  return new GroupError(
    'HANDLER_HOOK_FAILED',
    `'${hook}' of the handler module failed${where}: ${messageOf(thrown)}`,
    {
      details:
        partition === null ? { hook } : { hook, topic: partition.topic, partition: partition.partition },
      cause: thrown,
    },
  )
}
