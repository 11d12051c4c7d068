/**
 * A Kafka consumer group whose handlers may burn CPU: the main thread keeps the membership, worker threads fetch,
 * decode and handle.
 *
 * ```js
 * import { runGroup } from 'kafka-worker-group'
 *
 * const group = await runGroup('./handler.js', {
 *   groupId: 'thumbnails',
 *   topics: ['uploads'],
 *   zookeeper: '127.0.0.1:2181',
 * })
 * group.on('error', error => console.error(error.code, error.message))
 * process.once('SIGTERM', () => group.stop())
 * await group.finished
 * ```
 */
export { runGroup } from './run-group.ts'
export { Group } from './group.ts'
export {
  describeGroup,
  type DescribeGroupOptions,
  type DescribedPartition,
  type GroupDescription,
} from './coordinator/visits/describe-group.ts'
export type { DescribedMember, MemberKind } from './coordinator/visits/described-members.ts'
export type { AssignmentKind } from './coordinator/assignment/negotiate.ts'
export { resetOffsets, type ResetOffsetsOptions } from './coordinator/visits/reset-offsets.ts'
export type { ResetOffset } from './coordinator/storage/zookeeper/offset-reset.ts'
export type { IsoTime, ResetTarget } from './options/reset-target.ts'
export {
  defineHandler,
  UnrecoverableError,
  type BatchContext,
  type BatchHandlerModule,
  type DecodeOption,
  type HandlerContext,
  type HandlerModule,
  type HandlerPartition,
  type KafkaRecord,
  type RecordHandlerModule,
  type ThreadContext,
  type ValueDecoder,
} from './handler.ts'
export type { GroupEventListener, GroupEventMap, GroupEventName } from './events.ts'
export type { GroupStatus, LaneStatus, PartitionStatus, RingStatus, WorkerStatus } from './status.ts'
export type { GroupState } from './coordinator/group-state.ts'
export type { Progress } from './coordinator/progress/progress.ts'
export type {
  Claim,
  ClaimAttempt,
  GroupStorage,
  GroupStorageListener,
  MemberDescription,
  SessionState,
  StartOffset,
  StoredOffset,
  StoredTopic,
} from './coordinator/storage/group-storage.ts'
export {
  ZooKeeperGroupStorage,
  type ZooKeeperGroupStorageOptions,
} from './coordinator/storage/zookeeper/zookeeper-group-storage.ts'
export { GroupError, isGroupError, type ErrorCode, type ErrorDetails } from './shared/errors.ts'
export type { Logger } from './shared/logger.ts'
export type { SaslOptions } from './shared/kafka/connection-options.ts'
export type { Lease } from './shared/memory/group-memory.ts'
export type { Ordering } from './shared/ordering.ts'
export type { BrokerAddress, Offset, TopicPartition } from './shared/types.ts'
export type {
  ClaimOptions,
  CommitOptions,
  FetchOptions,
  IsolationLevel,
  KafkaOptions,
  MissingTopics,
  OffsetReset,
  ResolvedOptions,
  RunGroupOptions,
  StopOptions,
  TlsOptions,
  ZooKeeperOptions,
} from './options/types.ts'
