import type { GroupEventMap } from '../events.ts'
import { GroupError, messageOf } from '../shared/errors.ts'
import { partitionName, type Offset, type TopicPartition } from '../shared/types.ts'
import type { Holder } from './storage/group-storage.ts'
import { preview } from './storage/zookeeper/formats.ts'

export function claimRefused({ topic, partition }: TopicPartition, holder: Holder): GroupError {
  const { name, isMember, path, session } = holder
  const ends = session === null ? 'no session ends it' : `of session ${session}`
  const by = isMember
    ? `${name} (${path})`
    : `${preview(name)} in ${path} (${ends}), which is no member of the group`
  return new GroupError(
    'CLAIM_REFUSED',
    `${partitionName({ topic, partition })} is still held by ${by}; it is claimed as soon as that lets go`,
    { details: { topic, partition, holder: name, path, isMember, session } },
  )
}

/** With what the storage refused to store. */
export function progressNotStored(
  partition: TopicPartition & { readonly committed: Offset | null },
  cause: GroupError,
): GroupError {
  const { topic, partition: number, committed } = partition
  return new GroupError(
    cause.code,
    `${partitionName(partition)} was given up without storing what was finished last; it goes on at offset ${committed ?? 'unknown'}, and what came after is handled again: ${cause.message}`,
    { details: { ...cause.details, topic, partition: number, committed }, cause },
  )
}

/** True for what `progressNotStored` makes: its code is the storage's. */
export function isProgressNotStored(error: GroupError): boolean {
  return 'committed' in error.details
}

export function noBrokers(): GroupError {
  return new GroupError(
    'BROKERS_NOT_FOUND',
    'no brokers: /brokers/ids in ZooKeeper lists none under this chroot; give kafka.brokers, or correct the chroot',
  )
}

export function loopBlocked(delayMs: number, limitMs: number): GroupError {
  return new GroupError(
    'EVENT_LOOP_BLOCKED',
    `the main thread was blocked, or the process frozen, for ${Math.round(delayMs)} ms, more than a sixth of the session (${Math.round(limitMs)} ms): move heavy work off the thread, or raise the session timeout`,
    { details: { delayMs, limitMs } },
  )
}

/** With both ids as Kafka's tools show them. */
export function topicRecreated(
  { topic, partition }: TopicPartition,
  oldTopicId: string,
  newTopicId: string | null,
): GroupError {
  return new GroupError(
    'TOPIC_RECREATED',
    `topic "${topic}" was deleted and made again (topic id ${oldTopicId}, now ${newTopicId ?? 'none'}): ${partitionName({ topic, partition })} starts at its first record`,
    { details: { topic, partition, oldTopicId, newTopicId } },
  )
}

export function recordSkipped({
  topic,
  partition,
  offset,
  attempts,
  threadId,
  error,
}: GroupEventMap['record:skipped']): GroupError {
  return new GroupError(
    'RECORD_SKIPPED',
    `the record at offset ${offset} of ${partitionName({ topic, partition })} was left out after ${attempts} attempts: ${messageOf(error)}`,
    { details: { topic, partition, offset, attempts, threadId }, cause: error },
  )
}
