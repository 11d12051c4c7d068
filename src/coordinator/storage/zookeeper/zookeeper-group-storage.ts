import { GroupError } from '../../../shared/errors.ts'
import type { Logger } from '../../../shared/logger.ts'
import { partitionName, type BrokerAddress, type Offset, type TopicPartition } from '../../../shared/types.ts'
import type { WantedPartition } from '../../assignment/assignment.ts'
import type { ResolvedZooKeeperOptions } from '../../../options/types.ts'
import type { Progress } from '../../progress/progress.ts'
import type {
  Claim,
  ClaimAttempt,
  GroupStorage,
  GroupStorageListener,
  Holder,
  MemberDescription,
  MembersView,
  SessionState,
  StartOffset,
  StoredOffset,
  StoredOwner,
  StoredPlan,
  StoredTopic,
} from '../group-storage.ts'
import { acrossReconnects } from './across-reconnects.ts'
import { isConnectionError, sessionExpired } from './answers.ts'
import { listBrokers, type SecurityProtocol } from './broker-discovery.ts'
import { ClaimInspector } from './claim-inspector.ts'
import { ClaimWriter } from './claim-writer.ts'
import { Claims } from './claims.ts'
import type { ZooKeeperClient } from './client.ts'
import { GroupNodes } from './group-nodes.ts'
import { readGroup, readHolder, readOwners, type StoredGroup } from './group-reader.ts'
import { Membership } from './members.ts'
import {
  isThereWithoutMembers,
  resetOffsets,
  type ResetOffset,
  type ResetPort,
  type ResetTargets,
} from './offset-reset.ts'
import { pinStartOffsets, readOffsets, readOffsetsOf, readStored } from './offsets.ts'
import { OwnedClaim } from './owned-claim.ts'
import { ensureNodes } from './own-nodes.ts'
import { brokerIdsPath, GroupPaths, withAncestors } from './paths.ts'
import { parseServer } from './server-address.ts'
import { Session } from './session.ts'
import { TopicNodes } from './topic-nodes.ts'

export interface ZooKeeperGroupStorageOptions extends ResolvedZooKeeperOptions {
  readonly logger: Logger
  /**
   * Which listener of the brokers `listBrokers` looks for.
   * @defaultValue 'PLAINTEXT'
   */
  readonly brokerProtocol?: SecurityProtocol | undefined
}

/** What exists from `join` until `leave` or the end of the session. */
interface JoinedGroup {
  readonly paths: GroupPaths
  readonly membership: Membership
  readonly claims: Claims
  readonly nodes: GroupNodes
  readonly topics: TopicNodes
}

/** A group in ZooKeeper, in the classic layout of the Kafka 0.8 consumers. Safe for one member at a time. */
export class ZooKeeperGroupStorage implements GroupStorage {
  readonly #options: ZooKeeperGroupStorageOptions
  readonly #session: Session
  readonly #inspector: ClaimInspector
  readonly #writer: ClaimWriter
  #listener: GroupStorageListener | null = null
  #group: JoinedGroup | null = null
  #joining: Promise<void> | null = null

  constructor(options: ZooKeeperGroupStorageOptions) {
    this.#options = options
    const connection = { ...options, servers: options.servers.map(parseServer) }
    this.#session = new Session(connection, {
      leaseRenewed: lease => this.#listener?.leaseRenewed(lease),
      leaseOver: () => this.#listener?.leaseOver(),
      disconnected: () => this.#listener?.disconnected(),
      reconnected: client => this.#verify(client),
      restored: () => this.#afterRestored(),
      expired: () => this.#afterExpired(),
    })
    this.#inspector = new ClaimInspector(
      {
        claimLost: (claim, reason) => this.#listener?.claimLost(claim, reason),
        foreignWrite: (claim, details) => this.#listener?.foreignWrite(claim, details),
      },
      options.logger,
    )
    this.#writer = new ClaimWriter(this.#session, this.#inspector)
  }

  get sessionState(): SessionState {
    return this.#session.state
  }

  get sessionTimeoutMs(): number {
    return this.#session.timeoutMs
  }

  async open(listener: GroupStorageListener): Promise<void> {
    this.#listener = listener
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), this.#options.connectTimeoutMs)
    try {
      await this.#session.connect(deadline.signal)
    } catch (error) {
      throw deadline.signal.aborted ? this.#unreachable() : error
    } finally {
      clearTimeout(timer)
    }
  }

  async listBrokers(): Promise<BrokerAddress[]> {
    const { chroot, brokerProtocol } = this.#options
    return this.#acrossReconnects('list', brokerIdsPath(chroot), client =>
      listBrokers(client, chroot, brokerProtocol ?? 'PLAINTEXT'),
    )
  }

  async readOffsets(groupId: string, topics: readonly string[]): Promise<StoredOffset[]> {
    const paths = new GroupPaths(this.#options.chroot, groupId)
    return this.#acrossReconnects('read', paths.offsets, client => readOffsets(client, paths, topics))
  }

  async readStored(groupId: string, topics: readonly string[]): Promise<TopicPartition[]> {
    const paths = new GroupPaths(this.#options.chroot, groupId)
    return this.#acrossReconnects('read', paths.offsets, client => readStored(client, paths, topics))
  }

  async readOffsetsOf(groupId: string, partitions: readonly TopicPartition[]): Promise<StoredOffset[]> {
    const paths = new GroupPaths(this.#options.chroot, groupId)
    return this.#acrossReconnects('read', paths.offsets, client => readOffsetsOf(client, paths, partitions))
  }

  /** Reads a group as `kwg describe` shows it, without joining; null if there is none. OFFSET_CORRUPT. */
  async readGroup(groupId: string): Promise<StoredGroup | null> {
    const paths = new GroupPaths(this.#options.chroot, groupId)
    return this.#acrossReconnects('read', paths.group, client => readGroup(client, paths))
  }

  /** False if there is no such group; GROUP_HAS_MEMBERS if it has some. */
  async isThereWithoutMembers(groupId: string): Promise<boolean> {
    const paths = new GroupPaths(this.#options.chroot, groupId)
    return this.#acrossReconnects('list', paths.ids, client => isThereWithoutMembers(client, paths))
  }

  /** Sets offsets of one topic, all or none, while nobody is in the group: GROUP_HAS_MEMBERS. See offset-reset.ts. */
  async resetOffsets(groupId: string, targets: ResetTargets): Promise<ResetOffset[]> {
    const paths = new GroupPaths(this.#options.chroot, groupId)
    const { group } = paths
    const port: ResetPort = {
      read: work => this.#acrossReconnects('read', group, work),
      writer: () => {
        const client = this.#session.clientFor('reset', group)
        return ops => client.multi(ops)
      },
    }
    return resetOffsets(port, paths, targets)
  }

  join(groupId: string, member: MemberDescription, signal: AbortSignal): Promise<void> {
    this.#joining ??= this.#join(groupId, member, signal).finally(() => {
      this.#joining = null
    })
    return this.#joining
  }

  async #join(groupId: string, member: MemberDescription, signal: AbortSignal): Promise<void> {
    if (this.#group !== null) throw new GroupError('INTERNAL', `${member.memberId} has joined already`)
    const paths = new GroupPaths(this.#options.chroot, groupId)
    const { logger } = this.#options
    const membership = new Membership(paths, member, logger, this.#session.changed.subscribe)
    for (;;) {
      const client = await this.#session.connect(signal)
      try {
        await ensureNodes(client, withAncestors(paths.ids))
        await membership.register(client, signal) // before the rest: whose id is taken must not write for its topics
        await ensureNodes(client, paths.parents(Object.keys(member.subscription)))
        signal.throwIfAborted()
        this.#session.assertUsable(client, 'join', paths.group) // it may be closing, or over, since the last answer was sent
        this.#enter(client, { paths, member, membership })
        return
      } catch (error) {
        if (isConnectionError(error)) continue // in this session or a new one
        await this.#unregister(client, membership)
        throw error
      }
    }
  }

  /** Nobody is to see a member whose join failed. What goes wrong here is less than that: the node goes with the session. */
  async #unregister(client: ZooKeeperClient, membership: Membership): Promise<void> {
    try {
      await membership.unregister(client)
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'id node of a member that could not join may be left')
    }
  }

  async pinStartOffsets(offsets: readonly StartOffset[]): Promise<void> {
    const { paths } = this.#joined('pin start offsets')
    await this.#acrossReconnects('pin offsets below', paths.offsets, client =>
      pinStartOffsets(client, paths, offsets),
    )
  }

  async readMembers(): Promise<MembersView> {
    return this.#joined('read members').nodes.readMembers()
  }

  async readPlan(): Promise<StoredPlan> {
    return this.#joined('read the plan').nodes.readPlan()
  }

  async writePlan(bytes: Buffer, version: number): Promise<boolean> {
    return this.#joined('write the plan').nodes.writePlan(bytes, version)
  }

  async readTopics(topics: readonly string[]): Promise<readonly StoredTopic[] | null> {
    return this.#joined('read topics').topics.read(topics)
  }

  async readOwners(topics: readonly string[], members: readonly string[]): Promise<readonly StoredOwner[]> {
    const { paths } = this.#joined('read owners')
    const client = this.#session.clientFor('read owners below', paths.owners)
    const owners = topics.map(topic => readOwners(client, paths, topic, members))
    return (await Promise.all(owners)).flat()
  }

  async readHolder(of: TopicPartition): Promise<Holder | null> {
    const { paths } = this.#joined('read the holder')
    return readHolder(this.#session.clientFor('read the holder', paths.owner(of)), paths, of)
  }

  async claim(partition: WantedPartition, attempt: ClaimAttempt): Promise<Claim> {
    return this.#joined('claim').claims.claim(partition, attempt)
  }

  async commit(claim: Claim, nextOffset: Offset, progress?: Progress): Promise<void> {
    await this.#writer.commit(ownClaim(claim), nextOffset, progress)
  }

  async release(claim: Claim, nextOffset: Offset | null, progress?: Progress): Promise<void> {
    await this.#writer.release(ownClaim(claim), nextOffset, progress)
  }

  async leave(): Promise<void> {
    const group = this.#group
    if (group === null) return
    const client = this.#session.clientFor('leave', group.paths.group)
    this.#session.stopHeartbeat()
    group.nodes.stop()
    group.topics.stop()
    // The original waits for owner nodes to go after an id has gone: they must be gone by then.
    await group.claims.dropAll()
    await group.membership.unregister(client)
    if (this.#group === group) this.#group = null // while the nodes went the session may have ended by itself
  }

  async close(): Promise<void> {
    await this.#session.close()
    this.#forgetGroup('closed')
  }

  async abandon(): Promise<void> {
    await this.#session.abandon()
    this.#forgetGroup('left behind')
  }

  /** For what a start asks: it is not to fail because a server changes hands at that moment. */
  #acrossReconnects<T>(
    operation: string,
    path: string,
    work: (client: ZooKeeperClient) => Promise<T>,
  ): Promise<T> {
    return acrossReconnects(this.#session, this.#options.connectTimeoutMs, { operation, path }, work)
  }

  #enter(
    client: ZooKeeperClient,
    joining: {
      readonly paths: GroupPaths
      readonly member: MemberDescription
      readonly membership: Membership
    },
  ): void {
    const { paths, membership } = joining
    const claims = new Claims(this.#session, client, joining, this.#inspector, this.#options.logger)
    const nodes = new GroupNodes(client, paths, {
      membersChanged: () => this.#listener?.membersChanged(),
      planChanged: () => this.#listener?.planChanged(),
    })
    const topics = new TopicNodes(client, this.#options.chroot, () => this.#listener?.topicsChanged())
    this.#group = { paths, membership, claims, nodes, topics }
    this.#session.startHeartbeat(current => membership.heartbeat(current))
  }

  /** A quorum write first: what is read after it cannot be older, and the lease can go on from it. */
  async #verify(client: ZooKeeperClient): Promise<void> {
    await this.#group?.membership.heartbeat(client)
    await this.#group?.claims.verify()
  }

  /** Watches are set anew by the library, but what happened while nobody listened may have been missed. */
  #afterRestored(): void {
    this.#listener?.restored()
    if (this.#group === null) return // who has not joined has seen nothing that could have changed
    this.#listener?.membersChanged()
    this.#listener?.planChanged()
    this.#listener?.topicsChanged()
  }

  #afterExpired(): void {
    if (this.#group === null && this.#joining !== null) return // it goes on in a new session, and there is no claim to lose
    this.#forgetGroup('the session is over')
    this.#listener?.expired()
  }

  #forgetGroup(reason: string): void {
    this.#group?.claims.voidAll(reason)
    this.#group?.nodes.stop()
    this.#group?.topics.stop()
    this.#group = null
  }

  #joined(operation: string): JoinedGroup {
    if (this.#group !== null) return this.#group
    const isOver = this.#session.state === 'expired' || this.#joining !== null // what is asked now was begun before the rejoin
    throw isOver
      ? sessionExpired({ operation, path: 'a partition' })
      : new GroupError('NOT_RUNNING', `cannot ${operation}: this member has not joined a group`)
  }

  #unreachable(): GroupError {
    const { servers, connectTimeoutMs } = this.#options
    const { lastTrouble } = this.#session
    return new GroupError(
      'ZOOKEEPER_UNREACHABLE',
      `no ZooKeeper server of ${servers.join(', ')} could be reached within ${connectTimeoutMs} ms (last: ${lastTrouble}); check the addresses and that it runs`,
      { details: { servers: servers.join(','), connectTimeoutMs, lastTrouble } },
    )
  }
}

function ownClaim(claim: Claim): OwnedClaim {
  if (claim instanceof OwnedClaim) return claim
  throw new GroupError('INTERNAL', `${partitionName(claim)}: not a claim of this storage`)
}
