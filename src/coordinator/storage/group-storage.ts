import type { GroupError } from '../../shared/errors.ts'
import type { Lease } from '../../shared/memory/group-memory.ts'
import type { WantedPartition } from '../assignment/assignment.ts'
import type { BrokerAddress, Offset, TopicPartition } from '../../shared/types.ts'
import type { Progress } from '../progress/progress.ts'

/** What a member tells the group about itself. */
export interface MemberDescription {
  readonly memberId: string
  /** Topic to number of threads that may handle it. */
  readonly subscription: Readonly<Record<string, number>>
}

/** One member as it announced itself. */
export interface MemberNode {
  readonly memberId: string
  /** As it wrote it; what it means is read by assignment/id-node.ts. */
  readonly data: Buffer
  /** Unique and growing over all members that ever were, also over those of one id. */
  readonly czxid: bigint
}

/** All members of the group at one moment. */
export interface MembersView {
  readonly members: readonly MemberNode[]
  readonly version: MembersVersion
}

/** When the members were looked at. A greater czxid is later; of one czxid, a greater cversion. */
export interface MembersVersion {
  readonly czxid: bigint
  /** Grows with every member that comes or goes. */
  readonly cversion: number
}

/** What the members have agreed on. */
export interface StoredPlan {
  /** Empty if nothing was agreed on yet. */
  readonly bytes: Buffer
  readonly version: number
}

/** Ownership of one partition by this member, from `claim` until `release` or until the storage says it is lost. */
export interface Claim extends TopicPartition {
  /** Unique and growing over all claims of the partition; the fencing token that handlers get. */
  readonly epoch: bigint
  /** What was committed when the claim was made; null if nothing is stored. Read after the claim was made. */
  readonly committedOffset: Offset | null
  /**
   * What was stored together with that offset, as `claimedBy` (progress/open-claim.ts) leaves it; null if nothing was, if
   * it cannot be read, or if somebody has moved the offset since: then the offset alone holds.
   */
  readonly progress: Progress | null
  /** Why the stored progress cannot be read: PROGRESS_CORRUPT or FORMAT_UNKNOWN, naming where it is. */
  readonly progressFault: GroupError | null
}

export interface StoredOffset extends TopicPartition {
  readonly offset: Offset
}

/** A position to store for a partition that has none. */
export interface StartOffset extends StoredOffset {
  /** The incarnation of the topic that it belongs to; null where the brokers have no topic ids. */
  readonly topicId: string | null
}

/** A topic as the storage knows it, where brokers keep their topics there. */
export interface StoredTopic {
  readonly topic: string
  /** 0: there is no such topic. */
  readonly partitions: number
  /** Null where there is no such topic, or where topics have no ids. */
  readonly topicId: string | null
}

export interface StoredOwner extends TopicPartition {
  /** A member's id; what is stored as it is, if no member fits. */
  readonly owner: string
}

/** Who holds a partition. */
export interface Holder {
  /** A member's id; what is stored as it is, if no member fits. */
  readonly name: string
  readonly isMember: boolean
  /** Where that is stored, for people to look at. */
  readonly path: string
  /** The session that the hold ends with; null if it does not end with any. */
  readonly session: string | null
}

export type SessionState = 'unconnected' | 'connected' | 'disconnected' | 'expired' | 'closed'

/** What a storage tells its member. Listeners must not throw. */
export interface GroupStorageListener {
  /** Claims are certainly valid until `lease`; called at each renewal. */
  leaseRenewed(lease: Lease): void
  /** The lease has run out, or the session ended: no handler may start, nothing may be committed. */
  leaseOver(): void
  /** Connection to the storage lost; claims may survive. */
  disconnected(): void
  /** Connected again within the session and every surviving claim verified; lost ones were reported before this. */
  restored(): void
  /** The session is over: every claim is void. The member must `join` again. Not told while a `join` is under way. */
  expired(): void
  /** This one claim is gone although the session lives: its node was deleted or replaced by somebody else. */
  claimLost(claim: Claim, reason: GroupError): void
  /** A member came or went since the last `readMembers`. */
  membersChanged(): void
  /** The plan was written since the last `readPlan`, perhaps by ourselves. */
  planChanged(): void
  /** A topic was made, deleted or given partitions since the last `readTopics`. */
  topicsChanged(): void
  /** Somebody else wrote to a node of a claim; our value stands (it was or will be written again). */
  foreignWrite(claim: Claim, details: GroupError): void
}

/** Lets the caller see that a claim waits, and give up waiting. */
export interface ClaimAttempt {
  /** Aborting it rejects the claim with its reason; nothing stays behind in the storage. */
  readonly signal: AbortSignal
  /** Called once if the partition is held by somebody else and the claim waits for the holder to go. */
  readonly onRefused: (holder: string) => void
}

/**
 * Where a group keeps its membership, claims and offsets. ZooKeeper is one implementation; Kafka's own groups can be
 * another. Calls reject with GroupError; a call whose effect is unknown (connection lost) rejects with a retryable
 * code, and the storage reads back before anything is done twice. `listBrokers`, `readOffsets`, `readStored` and `pinStartOffsets`,
 * of which a start is made, outlast a connection that is away for a moment.
 */
export interface GroupStorage {
  /** Connects. Writes nothing. ZOOKEEPER_UNREACHABLE within the connect deadline. */
  open(listener: GroupStorageListener): Promise<void>
  readonly sessionState: SessionState
  /** Session timeout as negotiated, in milliseconds; known after `open`. */
  readonly sessionTimeoutMs: number
  /** Brokers as the storage knows them; empty if it knows none. */
  listBrokers(): Promise<BrokerAddress[]>
  /** Offsets stored for these topics. A node that is not a decimal number: OFFSET_CORRUPT naming it. `-1` and no node: absent. */
  readOffsets(groupId: string, topics: readonly string[]): Promise<StoredOffset[]>
  /** Partitions of these topics for which an offset is stored, be it one that cannot be read. */
  readStored(groupId: string, topics: readonly string[]): Promise<TopicPartition[]>
  /** Offsets stored for these partitions only. */
  readOffsetsOf(groupId: string, partitions: readonly TopicPartition[]): Promise<StoredOffset[]>
  /**
   * Makes this process a member. Waits for an earlier holder of the id, before anything is written for the topics;
   * MEMBER_ID_TAKEN if it lives on. Also after `expired`. One at a time: a call while one is under way is the same join, as the first caller asked for it; a
   * session that ends meanwhile is replaced by a new one.
   */
  join(groupId: string, member: MemberDescription, signal: AbortSignal): Promise<void>
  /** Stores positions for all partitions that have none, in partition order, in one transaction as far as sizes allow. Existing ones stand. */
  pinStartOffsets(offsets: readonly StartOffset[]): Promise<void>
  /** The members now. From then on `membersChanged` tells the next change. */
  readMembers(): Promise<MembersView>
  /** The plan now. From then on `planChanged` tells the next change. */
  readPlan(): Promise<StoredPlan>
  /** Topics as the brokers keep them here; null if they keep none here. From then on `topicsChanged` tells the next change. */
  readTopics(topics: readonly string[]): Promise<readonly StoredTopic[] | null>
  /** Stores a plan if it has not changed since `version`; false if it has. */
  writePlan(bytes: Buffer, version: number): Promise<boolean>
  /** Who holds partitions of these topics, as of about now. `members`: whose ids are looked for in what is stored. */
  readOwners(topics: readonly string[], members: readonly string[]): Promise<readonly StoredOwner[]>
  /** Who holds the partition now; null if nobody does. */
  readHolder(of: TopicPartition): Promise<Holder | null>
  /**
   * Takes a partition: at once if free, else the instant its holder lets go; progress that counts is stored as
   * `claimedBy` leaves it. A claim of this member that outlived a failed release is replaced, with an epoch of its own and
   * nobody in between; the earlier one is then CLAIM_LOST.
   */
  claim(partition: WantedPartition, attempt: ClaimAttempt): Promise<Claim>
  /**
   * Stores the next offset to read, and progress beside it, fenced by the claim: CLAIM_LOST or SESSION_EXPIRED if it is
   * void. Without progress the one that is stored no longer counts.
   */
  commit(claim: Claim, nextOffset: Offset, progress?: Progress): Promise<void>
  /** Stores the offset (if given) with the progress and gives the partition up, in one transaction. */
  release(claim: Claim, nextOffset: Offset | null, progress?: Progress): Promise<void>
  /** Leaves the group: removes this member's own nodes. */
  leave(): Promise<void>
  /** Ends the session within the deadline. Idempotent; also before `open`. */
  close(): Promise<void>
  /** Like `close`, but says nothing to the storage: claims stay until the session times out there. */
  abandon(): Promise<void>
}
