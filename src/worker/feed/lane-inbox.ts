import { Backoff } from '../../shared/backoff.ts'
import type { GroupError } from '../../shared/errors.ts'
import type { AbortedTransaction } from '../../shared/kafka/fetch-response.ts'
import type { LaneId } from '../../shared/protocol.ts'
import { StateMachine } from '../../shared/state-machine.ts'
import { partitionName, type Offset, type TopicPartition } from '../../shared/types.ts'
import { INBOX_MOVES, type InboxState } from './inbox-state.ts'
import { keepChunk } from './keep-chunk.ts'
import { scanBatches } from './scan-batches.ts'

/** What a lane finds in its inbox, in offset order. */
export type InboxItem =
  /** Record batches, complete ones only. */
  | {
      readonly type: 'chunk'
      readonly bytes: Buffer
      readonly fetchOffset: Offset
      readonly aborted: readonly AbortedTransaction[]
    }
  /** Everything before `offset` is gone from the log: go on there. */
  | { readonly type: 'jump'; readonly offset: Offset }
  /** Nothing comes after this. */
  | { readonly type: 'failure'; readonly error: GroupError }

export interface InboxListener {
  /** Something to take has come. */
  arrived(): void
  /** Whether more may be fetched, how much is buffered, or whether fetching is in trouble may have changed. */
  changed(): void
  /** An answer told where the partition ends, for what this member may read. */
  sawEnd(offset: Offset): void
  /** As many fetched bytes are no longer needed. */
  dropped(bytes: number): void
}

/** What a fetch brought for one partition. */
export interface FetchedRecords {
  readonly records: Buffer
  readonly fetchOffset: Offset
  readonly aborted: readonly AbortedTransaction[]
  /** Where the partition ended then. */
  readonly endOffset: Offset
  /** The broker had to send a first batch of up to this size whole. */
  readonly wholeBytes: number
}

export interface InboxOptions {
  readonly lane: LaneId
  readonly position: Offset
  readonly maxBatchBytes: number
  readonly listener: InboxListener
  /**
   * Something that was taken is not handled yet, though its bytes are counted elsewhere.
   * @defaultValue what is not counted here was handled
   */
  readonly isInHand?: () => boolean
}

/** One would do: a broker that has sent a batch knows of it when it is asked again. */
const DOUBTS_ALLOWED = 5
const REST = { initialMs: 50, maxMs: 2000 }

/**
 * What was fetched for one lane and not yet taken, and where to fetch next. The feed puts in, the lane takes out.
 * A later kind of lane may get its records elsewhere; it then brings another inbox.
 */
export class LaneInbox implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly lane: LaneId
  readonly #maxBatchBytes: number
  readonly #listener: InboxListener
  readonly #isInHand: () => boolean
  readonly #state: StateMachine<InboxState>
  readonly #rest = new Backoff(REST)
  #items: InboxItem[] = []
  /** The chunk that the lane is working on: its bytes are in memory until it asks for the next item. */
  #openBytes = 0
  /** What the batch it is working on takes beside that. */
  #decompressedBytes = 0
  /** Chunks that it is done with while records of them are still in hand. */
  #keptBytes = 0
  #queuedBytes = 0
  #position: Offset
  #neededBytes = 0
  /** Answers in a row whose next batch lay beyond the end of the partition. */
  #doubts = 0
  #restTimer: NodeJS.Timeout | null = null
  /** Asks where to go on; waits until what was fetched was handled. */
  #askWhenEmpty: (() => void) | null = null
  #isPaused = false
  #isReachable = false
  /** Set by the feed when an answer brought something: see FetchCandidate. */
  servedAt = 0

  constructor(options: InboxOptions) {
    this.lane = options.lane
    this.topic = options.lane.topic
    this.partition = options.lane.partition
    this.#position = options.position
    this.#maxBatchBytes = options.maxBatchBytes
    this.#listener = options.listener
    this.#isInHand = options.isInHand ?? (() => false)
    this.#state = new StateMachine(`inbox of ${partitionName(options.lane)}`, INBOX_MOVES, 'open')
  }

  /** The next offset to fetch. */
  get position(): Offset {
    return this.#position
  }

  /** Bytes fetched and not yet handled, and what they take decompressed. */
  get bufferedBytes(): number {
    return this.#openBytes + this.#decompressedBytes + this.#keptBytes + this.#queuedBytes
  }

  /** What the next fetch must ask for to get a whole batch; 0 while any size will do. */
  get neededBytes(): number {
    return this.#neededBytes
  }

  get isEmpty(): boolean {
    return this.#items.length === 0
  }

  /** Feed: an answer is welcome, also while the lane is paused. */
  get isOpen(): boolean {
    return this.#state.is('open')
  }

  /** Feed: more may be asked for, room permitting. */
  get isFetchable(): boolean {
    return this.isOpen && !this.#isPaused
  }

  get isClosed(): boolean {
    return this.#state.is('closed')
  }

  /** Lane: where to go on is to be asked, as soon as everything is handled. */
  get waitsToAsk(): boolean {
    return this.#askWhenEmpty !== null
  }

  /** Why a lane with nothing to take has nothing: an error, as opposed to the end of the partition. */
  get isInTrouble(): boolean {
    return !this.#isReachable || this.#state.is('resting', 'asking')
  }

  /** Feed: whether the partition's leader is known and answers. */
  setReachable(isReachable: boolean): void {
    if (this.#isReachable === isReachable) return
    this.#isReachable = isReachable
    this.#listener.changed()
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#listener.changed()
  }

  /** Feed: records as they came. Returns whether they hold anything new. Damage ends the inbox behind what is good. */
  accept({ records, fetchOffset, aborted, ...sent }: FetchedRecords): boolean {
    const scan = scanBatches(records, { maxBatchBytes: this.#maxBatchBytes, fetchOffset, ...sent })
    this.#neededBytes = scan.neededBytes ?? 0
    if (scan.doubt === null) this.#doubts = 0
    const nextOffset = scan.nextOffset ?? 0
    const isNew = nextOffset > this.#position
    if (isNew) {
      this.#position = nextOffset
      this.#put({
        type: 'chunk',
        bytes: keepChunk(records.subarray(0, scan.completeBytes)),
        fetchOffset,
        aborted,
      })
    }
    if (scan.damage !== null) this.fail(scan.damage)
    else if (scan.doubt !== null) return this.#doubt(scan.doubt, isNew)
    else if (!isNew && scan.completeBytes > 0)
      this.rest(`nothing from offset ${fetchOffset} on was in the answer`)
    return isNew
  }

  /**
   * A true batch is within the partition when it is asked for once more: only one that stays beyond its end is damaged.
   * Until then it is asked for at once, as if it had brought something.
   */
  #doubt(doubt: GroupError, isNew: boolean): boolean {
    this.#doubts = isNew ? 1 : this.#doubts + 1
    if (this.#doubts >= DOUBTS_ALLOWED) this.fail(doubt)
    return true
  }

  /** Feed: an answer without an error, with the partition's end. */
  answered(end: Offset): void {
    this.#rest.reset()
    this.#listener.sawEnd(end)
  }

  /** Feed: an error that may pass. Fetching goes on by itself after a pause that grows. */
  rest(reason: string): void {
    if (!this.#state.is('open', 'asking')) return
    this.#state.moveTo('resting', reason)
    this.#restTimer = setTimeout(() => this.reopen('rested'), this.#rest.nextDelayMs())
    this.#listener.changed()
  }

  /** Feed: there is a reason to try at once, as a new leader. */
  reopen(reason: string): void {
    if (!this.#state.is('resting')) return
    this.#clearTimer()
    this.#state.moveTo('open', reason)
    this.#listener.changed()
  }

  /**
   * Feed: the position is out of range; nothing is fetched until `jumpTo`, `fail` or `rest`. `ask` is called once all
   * that was fetched was handled, by the lane's next `take`: it may lead to an offset that lies before that.
   */
  askWhenEmpty(ask: () => void): void {
    this.#state.moveTo('asking', `offset ${this.#position} is out of range`)
    this.#askWhenEmpty = ask
    this.#listener.changed()
    if (this.isEmpty && this.bufferedBytes === 0) this.#askNow()
  }

  jumpTo(offset: Offset): void {
    this.#state.moveTo('open', `going on at ${offset}`)
    this.#position = offset
    this.#put({ type: 'jump', offset })
  }

  /** What is queued is still taken; then the lane meets the error. */
  fail(error: GroupError): void {
    if (!this.#state.is('open', 'asking')) return
    this.#state.moveTo('ended', error.code)
    this.#put({ type: 'failure', error })
  }

  /** Lane: the next item; what it took before is no longer in memory because of this inbox, unless the lane keeps it. */
  take(keep = false): InboxItem | undefined {
    const item = this.#items.shift()
    const bytes = item?.type === 'chunk' ? item.bytes.length : 0
    const droppedBytes = this.#openBytes + this.#decompressedBytes
    if (bytes > 0 || droppedBytes > 0) {
      this.#queuedBytes -= bytes
      this.#openBytes = bytes
      this.#decompressedBytes = 0
      if (keep) this.#keptBytes += droppedBytes
      else this.#listener.dropped(droppedBytes)
      this.#listener.changed()
    }
    if (item === undefined && !keep) this.#askNow() // what is kept was not handled yet
    return item
  }

  /** There are bytes that the lane keeps: until it drops them they may leave no room for others, and nobody asks where to go on. */
  get isKeeping(): boolean {
    return this.#keptBytes > 0
  }

  /** Lane: nothing is in hand any more of what it kept. Idempotent. */
  dropKept(): void {
    if (this.#keptBytes === 0) return
    this.#listener.dropped(this.#keptBytes)
    this.#keptBytes = 0
    this.#listener.changed()
  }

  /** Lane: it has opened the next batch of what it took, which takes as much beside the fetched bytes. */
  openedBatch(decompressedBytes: number): void {
    if (decompressedBytes === this.#decompressedBytes) return
    this.#listener.dropped(this.#decompressedBytes)
    this.#decompressedBytes = decompressedBytes
    this.#listener.changed()
  }

  /** Drops everything. Idempotent. */
  close(): void {
    if (this.isClosed) return
    this.#clearTimer()
    this.#items = []
    this.#openBytes = 0
    this.#decompressedBytes = 0
    this.#keptBytes = 0
    this.#queuedBytes = 0
    this.#askWhenEmpty = null
    this.#state.moveTo('closed', 'the lane is over')
    this.#listener.changed()
  }

  #put(item: InboxItem): void {
    this.#items.push(item)
    if (item.type === 'chunk') this.#queuedBytes += item.bytes.length
    this.#listener.changed()
    this.#listener.arrived()
  }

  #askNow(): void {
    const ask = this.#askWhenEmpty
    if (ask === null || this.#isInHand()) return
    this.#askWhenEmpty = null
    ask()
  }

  #clearTimer(): void {
    if (this.#restTimer !== null) clearTimeout(this.#restTimer)
    this.#restTimer = null
  }
}
