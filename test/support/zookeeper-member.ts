import { randomUUID } from 'node:crypto'
import type { Claim, ClaimAttempt } from '#src/coordinator/storage/group-storage.js'
import { ZooKeeperGroupStorage } from '#src/coordinator/storage/zookeeper/zookeeper-group-storage.js'
import type { GroupError } from '#src/shared/errors.js'
import { silentLogger } from '#src/shared/logger.js'
import type { Lease } from '#src/shared/memory/group-memory.js'
import { atEnd, type Owner } from './cleanup.ts'
import { eventually } from './eventually.ts'
import { sharedStack } from './stack.ts'

export interface MemberOptions {
  /** @defaultValue the shared ZooKeeper */
  readonly address?: string
  readonly chroot?: string
  readonly groupId?: string
  readonly memberId?: string
  /** Topic to threads. @defaultValue { t: 1 } */
  readonly subscription?: Readonly<Record<string, number>>
  readonly sessionTimeoutMs?: number
  readonly connectTimeoutMs?: number
}

const forever = new AbortController().signal

/** The storage of one member, and everything that it told its listener. */
export class StorageProbe {
  readonly storage: ZooKeeperGroupStorage
  readonly groupId: string
  readonly memberId: string
  readonly subscription: Readonly<Record<string, number>>
  readonly events: string[] = []
  readonly leases: Lease[] = []
  readonly lost: { claim: Claim; reason: GroupError }[] = []
  readonly foreignWrites: GroupError[] = []
  memberChanges = 0
  planChanges = 0
  topicChanges = 0

  constructor(options: MemberOptions) {
    this.groupId = options.groupId ?? `g-${randomUUID()}`
    this.memberId = options.memberId ?? `m-${randomUUID()}`
    this.subscription = options.subscription ?? { t: 1 }
    this.storage = new ZooKeeperGroupStorage({
      servers: (options.address ?? sharedStack().zookeeper).split(','),
      chroot: options.chroot ?? '',
      sessionTimeoutMs: options.sessionTimeoutMs ?? 3_000,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      logger: silentLogger,
    })
  }

  async open(): Promise<void> {
    const tell = (event: string) => (): void => void this.events.push(event)
    await this.storage.open({
      leaseRenewed: lease => this.leases.push(lease),
      leaseOver: tell('leaseOver'),
      disconnected: tell('disconnected'),
      restored: tell('restored'),
      expired: tell('expired'),
      claimLost: (claim, reason) => this.lost.push({ claim, reason }),
      foreignWrite: (_claim, details) => this.foreignWrites.push(details),
      membersChanged: () => (this.memberChanges += 1),
      planChanged: () => (this.planChanges += 1),
      topicsChanged: () => (this.topicChanges += 1),
    })
  }

  async join(signal: AbortSignal = forever): Promise<void> {
    const { groupId, memberId, subscription } = this
    await this.storage.join(groupId, { memberId, subscription }, signal)
  }

  claim(partition: number, attempt: Partial<ClaimAttempt> = {}, topic = 't'): Promise<Claim> {
    return this.storage.claim({ topic, partition }, { signal: forever, onRefused: () => {}, ...attempt })
  }

  /** Resolves once the event was told that many times. */
  async told(event: string, times = 1): Promise<void> {
    const message = (): string => `${event} x ${times}, told: ${this.events.join()}`
    await eventually(() => this.events.filter(seen => seen === event).length >= times, { message })
  }
}

/** A storage that is open, until the test ends. */
export async function openProbe(owner: Owner, options: MemberOptions = {}): Promise<StorageProbe> {
  const probe = new StorageProbe(options)
  atEnd(owner, () => probe.storage.close())
  await probe.open()
  return probe
}

/** A member that has joined, until the test ends. */
export async function joinedProbe(owner: Owner, options: MemberOptions = {}): Promise<StorageProbe> {
  const probe = await openProbe(owner, options)
  await probe.join()
  return probe
}
