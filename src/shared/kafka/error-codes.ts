/**
 * What a consumer does about an error code of a fetch or list-offsets answer, for that one partition:
 * - `ok`: go on
 * - `stale-leader`: somebody else leads the partition, or nobody does: refresh the metadata, back off, keep the offset
 * - `out-of-range`: the position is outside of the log: ask the reset policy, never reset silently
 * - `retry`: try again after a pause, on the same leader
 * - `fatal`: stop this partition and report; trying again changes nothing
 */
export type FetchPolicy = 'ok' | 'stale-leader' | 'out-of-range' | 'retry' | 'fatal'

interface KnownError {
  readonly name: string
  readonly policy: FetchPolicy
}

/**
 * The error codes that brokers give to what this package asks, with Kafka's names (class
 * `org.apache.kafka.common.protocol.Errors`). kafkajs's own list ends at 88.
 */
const KNOWN_ERRORS: Readonly<Record<number, KnownError>> = {
  [-1]: { name: 'UNKNOWN_SERVER_ERROR', policy: 'retry' },
  0: { name: 'NONE', policy: 'ok' },
  1: { name: 'OFFSET_OUT_OF_RANGE', policy: 'out-of-range' },
  2: { name: 'CORRUPT_MESSAGE', policy: 'fatal' },
  3: { name: 'UNKNOWN_TOPIC_OR_PARTITION', policy: 'stale-leader' },
  4: { name: 'INVALID_FETCH_SIZE', policy: 'fatal' },
  5: { name: 'LEADER_NOT_AVAILABLE', policy: 'stale-leader' },
  6: { name: 'NOT_LEADER_OR_FOLLOWER', policy: 'stale-leader' },
  7: { name: 'REQUEST_TIMED_OUT', policy: 'retry' },
  8: { name: 'BROKER_NOT_AVAILABLE', policy: 'stale-leader' },
  9: { name: 'REPLICA_NOT_AVAILABLE', policy: 'stale-leader' },
  10: { name: 'MESSAGE_TOO_LARGE', policy: 'fatal' },
  13: { name: 'NETWORK_EXCEPTION', policy: 'retry' },
  17: { name: 'INVALID_TOPIC_EXCEPTION', policy: 'fatal' },
  18: { name: 'RECORD_LIST_TOO_LARGE', policy: 'fatal' },
  19: { name: 'NOT_ENOUGH_REPLICAS', policy: 'fatal' },
  20: { name: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', policy: 'fatal' },
  29: { name: 'TOPIC_AUTHORIZATION_FAILED', policy: 'fatal' },
  31: { name: 'CLUSTER_AUTHORIZATION_FAILED', policy: 'fatal' },
  32: { name: 'INVALID_TIMESTAMP', policy: 'fatal' },
  33: { name: 'UNSUPPORTED_SASL_MECHANISM', policy: 'fatal' },
  34: { name: 'ILLEGAL_SASL_STATE', policy: 'fatal' },
  35: { name: 'UNSUPPORTED_VERSION', policy: 'fatal' },
  36: { name: 'TOPIC_ALREADY_EXISTS', policy: 'fatal' },
  37: { name: 'INVALID_PARTITIONS', policy: 'fatal' },
  38: { name: 'INVALID_REPLICATION_FACTOR', policy: 'fatal' },
  40: { name: 'INVALID_CONFIG', policy: 'fatal' },
  41: { name: 'NOT_CONTROLLER', policy: 'fatal' },
  42: { name: 'INVALID_REQUEST', policy: 'fatal' },
  43: { name: 'UNSUPPORTED_FOR_MESSAGE_FORMAT', policy: 'fatal' },
  44: { name: 'POLICY_VIOLATION', policy: 'fatal' },
  45: { name: 'OUT_OF_ORDER_SEQUENCE_NUMBER', policy: 'fatal' },
  46: { name: 'DUPLICATE_SEQUENCE_NUMBER', policy: 'fatal' },
  47: { name: 'INVALID_PRODUCER_EPOCH', policy: 'fatal' },
  56: { name: 'KAFKA_STORAGE_ERROR', policy: 'stale-leader' },
  58: { name: 'SASL_AUTHENTICATION_FAILED', policy: 'fatal' },
  59: { name: 'UNKNOWN_PRODUCER_ID', policy: 'fatal' },
  70: { name: 'FETCH_SESSION_ID_NOT_FOUND', policy: 'retry' },
  71: { name: 'INVALID_FETCH_SESSION_EPOCH', policy: 'retry' },
  72: { name: 'LISTENER_NOT_FOUND', policy: 'stale-leader' },
  74: { name: 'FENCED_LEADER_EPOCH', policy: 'stale-leader' },
  75: { name: 'UNKNOWN_LEADER_EPOCH', policy: 'stale-leader' },
  76: { name: 'UNSUPPORTED_COMPRESSION_TYPE', policy: 'fatal' },
  78: { name: 'OFFSET_NOT_AVAILABLE', policy: 'stale-leader' },
  87: { name: 'INVALID_RECORD', policy: 'fatal' },
  89: { name: 'THROTTLING_QUOTA_EXCEEDED', policy: 'retry' },
  100: { name: 'UNKNOWN_TOPIC_ID', policy: 'stale-leader' },
  103: { name: 'INCONSISTENT_TOPIC_ID', policy: 'stale-leader' },
  109: { name: 'OFFSET_MOVED_TO_TIERED_STORAGE', policy: 'retry' },
}

/** Codes that decide what follows where it is not about fetching. */
export const ERROR_CODE = {
  none: 0,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  messageTooLarge: 10,
  recordListTooLarge: 18,
  invalidTimestamp: 32,
  topicAlreadyExists: 36,
  notController: 41,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  unknownProducerId: 59,
  invalidRecord: 87,
} as const

/** `NOT_LEADER_OR_FOLLOWER (6)`, for messages. */
export function errorCodeName(code: number): string {
  return `${KNOWN_ERRORS[code]?.name ?? 'an error code unknown here'} (${code})`
}

/** A code that is not listed is `fatal`: what it asks for is not known. */
export function fetchPolicy(code: number): FetchPolicy {
  return KNOWN_ERRORS[code]?.policy ?? 'fatal'
}
