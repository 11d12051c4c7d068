import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as surface from '#src/index.js'
import type {
  AssignmentKind,
  BrokerAddress,
  Claim,
  ClaimAttempt,
  ClaimOptions,
  CommitOptions,
  DescribeGroupOptions,
  DescribedMember,
  DescribedPartition,
  FetchOptions,
  GroupDescription,
  GroupStorage,
  GroupStorageListener,
  IsoTime,
  KafkaOptions,
  Lease,
  MemberDescription,
  MemberKind,
  Offset,
  ResetOffset,
  ResetOffsetsOptions,
  ResetTarget,
  RunGroupOptions,
  SaslOptions,
  StartOffset,
  StopOptions,
  StoredOffset,
  TopicPartition,
  ZooKeeperGroupStorageOptions,
} from '#src/index.js'

/** A storage of somebody else. It need not run: with the types below it compiles only if each of them can be named. */
interface TheirStorage extends GroupStorage {
  open(listener: GroupStorageListener & { leaseRenewed(lease: Lease): void }): Promise<void>
  listBrokers(): Promise<BrokerAddress[]>
  readOffsets(groupId: string, topics: readonly string[]): Promise<StoredOffset[]>
  join(groupId: string, member: MemberDescription, signal: AbortSignal): Promise<void>
  pinStartOffsets(offsets: readonly StartOffset[]): Promise<void>
  claim(partition: TopicPartition, attempt: ClaimAttempt): Promise<Claim>
  commit(claim: Claim, nextOffset: Offset): Promise<void>
}

/** Options in parts, each with the name of its type. */
function optionsFrom(
  storage: TheirStorage,
  parts: { sasl: SaslOptions; commit: CommitOptions; claim: ClaimOptions; fetch: FetchOptions },
): RunGroupOptions {
  const { sasl, ...rest } = parts
  const kafka: KafkaOptions = { sasl }
  return { groupId: 'g', topics: ['t'], storage, kafka, ...rest }
}

/** What a description of a group consists of, each part with the name of its type. */
interface TheirView {
  readonly assignBy: AssignmentKind | null
  readonly partitions: readonly DescribedPartition[]
  readonly members: readonly (DescribedMember & { readonly kind: MemberKind })[]
}

/** What is exported as a value, with the names of what it takes and gives. */
interface Callable {
  describeGroup: (options: DescribeGroupOptions) => Promise<GroupDescription & TheirView>
  resetOffsets: (options: ResetOffsetsOptions & { to: ResetTarget | IsoTime }) => Promise<ResetOffset[]>
  ZooKeeperGroupStorage: new (options: ZooKeeperGroupStorageOptions) => GroupStorage
  Group: { prototype: { stop(options?: StopOptions): Promise<void> } }
}

describe('what the package exports', () => {
  it('is this, and the types that it takes to name options and to implement a storage', () => {
    const { describeGroup, resetOffsets, ZooKeeperGroupStorage, Group }: Callable = surface
    assert.ok(
      [optionsFrom, describeGroup, resetOffsets, ZooKeeperGroupStorage, Group].every(
        of => typeof of === 'function',
      ),
    )
    assert.deepEqual(Object.keys(surface).sort(), [
      'Group',
      'GroupError',
      'UnrecoverableError',
      'ZooKeeperGroupStorage',
      'defineHandler',
      'describeGroup',
      'isGroupError',
      'resetOffsets',
      'runGroup',
    ])
  })
})
