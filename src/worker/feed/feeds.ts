import { Backoff } from '../../shared/backoff.ts'
import { monotonicMs } from '../../shared/clock.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { BrokerConnection } from '../../shared/kafka/broker-connection.ts'
import type { LaneId, LeaderView } from '../../shared/protocol.ts'
import type { BrokerAddress, Offset, TopicPartition } from '../../shared/types.ts'
import { hasRoom, laneShare, type BufferLimits, type LaneShare } from './budget.ts'
import type { LaneInbox } from './lane-inbox.ts'
import { LeaderFeed, type FeedHost, type FeedSettings } from './leader-feed.ts'

export interface FeedsSettings extends FeedSettings {
  readonly maxBufferedBytes: number
}

export interface FeedsHost {
  openConnection(broker: BrokerAddress, signal: AbortSignal): Promise<BrokerConnection>
  leadersStale(reason: string): void
  troubled(inbox: LaneInbox, error: GroupError): void
  resolveOutOfRange(lane: LaneId, position: Offset): Promise<Offset>
}

/** While a partition has no leader, or while what the coordinator was asked for does not come. */
const ASK_AGAIN = { initialMs: 200, maxMs: 2000 }
/** Several partitions meet the same change of leaders: one notice is enough for as long. */
const ONE_NOTICE_MS = 200
/** Of the budget, however much is reserved: rings of the least size may take more than all of it, and are fed all the same. */
const KEPT_SHARE = 1 / 2

/** Gives every lane of the thread to the feed of its partition's leader, and moves it when the leader changes. */
export class Feeds implements FeedHost {
  readonly readCommitted: boolean
  readonly #settings: FeedsSettings
  readonly #host: FeedsHost
  readonly #feeds = new Map<number, { readonly broker: BrokerAddress; readonly feed: LeaderFeed }>()
  /** Where each inbox is; null while its partition has no leader that is known. */
  readonly #homes = new Map<LaneInbox, LeaderFeed | null>()
  readonly #askAgain = new Backoff(ASK_AGAIN)
  #askTimer: NodeJS.Timeout | null = null
  #noticeAtMs = -Infinity
  #view: LeaderView | null = null
  #share: LaneShare
  /** What is used of the thread's budget by something else than inboxes. */
  #reservedBytes = 0
  #isClosed = false

  constructor(settings: FeedsSettings, host: FeedsHost) {
    this.#settings = settings
    this.#host = host
    this.readCommitted = settings.readCommitted
    this.#share = laneShare(settings, 1)
  }

  get share(): LaneShare {
    return this.#share
  }

  get spareBytes(): number {
    return this.#limits.maxBufferedBytes - this.heldBytes
  }

  /** More may be fetched for it while it holds what it has. */
  hasRoom(inbox: LaneInbox): boolean {
    return hasRoom(this.#share, inbox.bufferedBytes, this.spareBytes)
  }

  /** What all lanes together hold. */
  get heldBytes(): number {
    let heldBytes = 0
    for (const inbox of this.#homes.keys()) heldBytes += inbox.bufferedBytes
    return heldBytes
  }

  /** Takes as much off what the lanes of the thread may hold, but a part that they keep; given back as a negative number. */
  reserve(bytes: number): void {
    this.#reservedBytes += bytes
    this.#share = laneShare(this.#limits, this.#homes.size)
  }

  attach(inbox: LaneInbox): void {
    this.#homes.set(inbox, null)
    this.#share = laneShare(this.#limits, this.#homes.size)
    this.#place(inbox)
    this.#askWhileLeaderless()
  }

  /** Idempotent. */
  detach(inbox: LaneInbox): void {
    this.#homes.get(inbox)?.remove(inbox)
    this.#homes.delete(inbox)
    this.#share = laneShare(this.#limits, this.#homes.size)
    this.#dropUnused()
    this.#askWhileLeaderless()
  }

  /** The inbox has room again, or may be fetched again. */
  changed(inbox: LaneInbox): void {
    this.#homes.get(inbox)?.pump()
  }

  updateLeaders(view: LeaderView): void {
    const isFirst = this.#view === null && this.#homes.size === 0
    this.#view = view
    this.#noticeAtMs = -Infinity
    for (const inbox of this.#homes.keys()) this.#place(inbox)
    if (isFirst) this.#prepare(view)
    else this.#dropUnused(brokersThatLead(view))
    this.#askWhileLeaderless()
  }

  leadersStale(reason: string): void {
    const nowMs = monotonicMs()
    if (nowMs - this.#noticeAtMs < ONE_NOTICE_MS) return
    this.#noticeAtMs = nowMs
    this.#host.leadersStale(reason)
  }

  troubled(inbox: LaneInbox, error: GroupError): void {
    this.#host.troubled(inbox, error)
  }

  resolveOutOfRange(lane: LaneId, position: Offset): Promise<Offset> {
    return this.#host.resolveOutOfRange(lane, position)
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true
    if (this.#askTimer !== null) clearTimeout(this.#askTimer)
    this.#askTimer = null
    for (const { feed } of this.#feeds.values()) feed.close()
    this.#feeds.clear()
    this.#homes.clear()
  }

  get #limits(): BufferLimits {
    const { maxBufferedBytes, maxBytesPerPartition } = this.#settings
    const left = Math.max(maxBufferedBytes - this.#reservedBytes, maxBufferedBytes * KEPT_SHARE)
    return { maxBufferedBytes: left, maxBytesPerPartition }
  }

  /** Moves the inbox to the feed of its leader. One that stays there is left alone: what it rests for may still hold. */
  #place(inbox: LaneInbox): void {
    const old = this.#homes.get(inbox) ?? null
    const leader = this.#leaderOf(inbox)
    const home = leader === undefined ? null : this.#feedOf(leader)
    if (home === old && home !== null) return
    old?.remove(inbox)
    this.#homes.set(inbox, home)
    if (home === null) {
      inbox.setReachable(false)
      return
    }
    inbox.reopen('it has a new leader')
    home.add(inbox)
  }

  #leaderOf({ topic, partition }: TopicPartition): BrokerAddress | undefined {
    const nodeId = this.#view?.leaders[topic]?.[partition]
    return this.#view?.brokers.find(broker => broker.nodeId === nodeId)
  }

  #feedOf(broker: BrokerAddress): LeaderFeed {
    const known = this.#feeds.get(broker.nodeId)
    if (known?.broker.host === broker.host && known.broker.port === broker.port) return known.feed
    const feed = new LeaderFeed(this.#settings, this, signal => this.#host.openConnection(broker, signal))
    known?.feed.close() // the broker has another address now: its partitions are being moved off this feed one by one
    this.#feeds.set(broker.nodeId, { broker, feed })
    return feed
  }

  /** The thread has just started. Its first lanes may come from another member, and rest from there until they run here. */
  #prepare(view: LeaderView): void {
    const leading = brokersThatLead(view)
    for (const broker of view.brokers) if (leading.has(broker.nodeId)) this.#feedOf(broker).prepare()
  }

  /** Those that are kept have connections for the lanes to come. */
  #dropUnused(kept: ReadonlySet<number> = NONE): void {
    for (const [nodeId, { feed }] of this.#feeds) {
      if (!feed.isUnused || kept.has(nodeId)) continue
      feed.close()
      this.#feeds.delete(nodeId)
    }
  }

  #askWhileLeaderless(): void {
    const isAnyLeaderless = [...this.#homes.values()].includes(null)
    if (!isAnyLeaderless || this.#isClosed) {
      if (this.#askTimer !== null) clearTimeout(this.#askTimer)
      this.#askTimer = null
      this.#askAgain.reset()
      return
    }
    this.#askTimer ??= setTimeout(() => {
      this.#askTimer = null
      this.leadersStale('a partition has no leader')
      this.#askWhileLeaderless()
    }, this.#askAgain.nextDelayMs())
  }
}

const NONE: ReadonlySet<number> = new Set()

function brokersThatLead({ leaders }: LeaderView): ReadonlySet<number> {
  return new Set(Object.values(leaders).flat())
}
