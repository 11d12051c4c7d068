import { fieldOf, GroupError, isGroupError, messageOf, type ErrorCode } from '../shared/errors.ts'
import { partitionName, type Offset, type TopicPartition } from '../shared/types.ts'

/** Attempts are not repeated yet. */
const ATTEMPT = 1

/** What reading a record's fields throws, inside of the handler. */
const OF_THE_RECORD: readonly ErrorCode[] = ['DECODE_FAILED', 'BATCH_CORRUPT']

/** The handler threw or rejected, or read a value that cannot be decoded. */
export function handlerFailed(
  { topic, partition }: TopicPartition,
  offset: Offset,
  threadId: number,
  thrown: unknown,
): GroupError {
  const where = `${partitionName({ topic, partition })} at offset ${offset}`
  const details = { topic, partition, offset, attempt: ATTEMPT, threadId }
  const stays = 'the partition stops there and its offset stays'
  const ownCode = OF_THE_RECORD.find(code => isGroupError(thrown, code))
  if (ownCode !== undefined)
    return new GroupError(ownCode, `${messageOf(thrown)}; ${stays}`, {
      details,
      cause: fieldOf(thrown as GroupError, 'cause'), // it went through the handler, which may have changed it
    })
  return new GroupError('HANDLER_FAILED', `the handler failed on ${where}: ${messageOf(thrown)}; ${stays}`, {
    details,
    cause: thrown,
  })
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
