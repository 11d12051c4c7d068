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

export interface InboxOptions {
  readonly lane: LaneId
  readonly position: Offset
  readonly maxBatchBytes: number
  readonly listener: InboxListener
}

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
  readonly #state: StateMachine<InboxState>
  readonly #rest = new Backoff(REST)
  #items: InboxItem[] = []
  /** The chunk that the lane is working on: its bytes are in memory until it asks for the next item. */
  #openBytes = 0
  #queuedBytes = 0
  #position: Offset
  #neededBytes = 0
  #restTimer: NodeJS.Timeout | null = null
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
    this.#state = new StateMachine(`inbox of ${partitionName(options.lane)}`, INBOX_MOVES, 'open')
  }

  /** The next offset to fetch. */
  get position(): Offset {
    return this.#position
  }

  /** Bytes fetched and not yet handled. */
  get bufferedBytes(): number {
    return this.#openBytes + this.#queuedBytes
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

  /** Feed: records as they came for `fetchOffset`. Returns whether they hold anything new. */
  accept(records: Buffer, fetchOffset: Offset, aborted: readonly AbortedTransaction[]): boolean {
    const scan = scanBatches(records, this.#maxBatchBytes)
    this.#neededBytes = scan.neededBytes ?? 0
    const isNew = scan.isDamaged || (scan.nextOffset ?? 0) > this.#position
    if (!isNew) return false
    this.#position = Math.max(this.#position, scan.nextOffset ?? 0)
    const bytes = keepChunk(scan.isDamaged ? records : records.subarray(0, scan.completeBytes))
    this.#put({ type: 'chunk', bytes, fetchOffset, aborted })
    if (scan.isDamaged) this.#state.moveTo('ended', 'damaged bytes')
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

  /** Feed: the position is out of range; nothing is fetched until `jumpTo`, `fail` or `rest`. */
  ask(): void {
    this.#state.moveTo('asking', `offset ${this.#position} is out of range`)
    this.#listener.changed()
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

  /** Lane: the next item; what it took before is no longer in memory because of this inbox. */
  take(): InboxItem | undefined {
    const item = this.#items.shift()
    const bytes = item?.type === 'chunk' ? item.bytes.length : 0
    if (bytes === 0 && this.#openBytes === 0) return item
    const droppedBytes = this.#openBytes
    this.#queuedBytes -= bytes
    this.#openBytes = bytes
    this.#listener.dropped(droppedBytes)
    this.#listener.changed()
    return item
  }

  /** Drops everything. Idempotent. */
  close(): void {
    if (this.isClosed) return
    this.#clearTimer()
    this.#items = []
    this.#openBytes = 0
    this.#queuedBytes = 0
    this.#state.moveTo('closed', 'the lane is over')
    this.#listener.changed()
  }

  #put(item: InboxItem): void {
    this.#items.push(item)
    if (item.type === 'chunk') this.#queuedBytes += item.bytes.length
    this.#listener.changed()
    this.#listener.arrived()
  }

  #clearTimer(): void {
    if (this.#restTimer !== null) clearTimeout(this.#restTimer)
    this.#restTimer = null
  }
}
