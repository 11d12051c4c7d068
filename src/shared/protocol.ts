import type { MessagePort } from 'node:worker_threads'
import type { LogLevel } from './logger.ts'
import type { KafkaConnectionOptions } from './kafka/connection-options.ts'
import type { ErrorWire } from './error-wire.ts'
import type { BrokerAddress, Offset, TopicPartition } from './types.ts'

/**
 * The wire between the coordinator and a worker thread, on one page. Three ports per thread: coordinator calls
 * worker (WorkerApi), worker calls coordinator (CoordinatorApi), and one-way messages (WorkerMessage). Each
 * direction has its own port, because Comlink may close a shared one when its last proxy is collected.
 */

/** What a thread is started with. */
export interface WorkerStart {
  readonly workerPort: MessagePort
  readonly coordinatorPort: MessagePort
  readonly messagePort: MessagePort
  readonly groupMemory: SharedArrayBuffer
  readonly workerMemory: SharedArrayBuffer
  readonly settings: WorkerSettings
}

/** Plain data: the part of the resolved options that workers need. */
export interface WorkerSettings {
  readonly groupId: string
  readonly memberId: string
  /** file: URL. */
  readonly handlerUrl: string
  readonly connection: KafkaConnectionOptions
  /** This thread's share of fetch.maxBufferedBytes. */
  readonly maxBufferedBytes: number
  readonly maxBytesPerPartition: number
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBatchBytes: number
  readonly readCommitted: boolean
  readonly retry: RetrySettings
  /** What becomes of a record whose attempts are used up. */
  readonly onFailure: OnFailure
  /** How long an attempt may take; null: as long as it likes. */
  readonly handlerTimeoutMs: number | null
  /** `key` and `none`: records come from rings, and there are no batches. */
  readonly ordering: 'partition' | 'key' | 'none'
  /** Records per call of `handleBatch`, at most. */
  readonly batchSize: number
  /** How long records wait for others to fill their batch. */
  readonly batchWaitMs: number
}

export type OnFailure = 'stop' | 'skip' | 'dead-letter'

export interface RetrySettings {
  /** Of one record, the first one included. */
  readonly attempts: number
  readonly backoffMs: number
  readonly maxBackoffMs: number
  /** Share of a delay that is left to chance, 0 to 1. */
  readonly jitter: number
}

/**
 * Names a lane of a claim: the claim's epoch is unique, so a late message about an old claim finds nothing. `lane` is 0, and one more each time that the claim goes
 * on with other settings: a thread may not have heard of the end of the one before. FEED_LANE names its feed.
 */
export interface LaneId extends TopicPartition {
  readonly epoch: bigint
  readonly lane: number
}

export interface LaneStart extends LaneId {
  /** LaneMemory of the claim; its floor is where to start. */
  readonly memory: SharedArrayBuffer
  /** GroupMemory's, when the claim was made. */
  readonly generation: number
  readonly paused: boolean
  /**
   * What failed the last attempt of the first record in hand, where the thread that ran it cannot tell: it or its process
   * ended with it.
   */
  readonly lastFailure: ErrorWire | null
  /** What is in hand may have ended its thread: it runs alone on the next one, for as long as this at most. 0: it is not suspected. */
  readonly suspectForMs: number
  /** Processes have died of this partition, or beside it; null: nothing of that is known. */
  readonly careful: CarefulStart | null
}

/**
 * The lane runs only what it has announced. Records from `aloneFrom` up to below `aloneBelow` are announced and run one by
 * one, with no other in hand in the process.
 */
export interface CarefulStart {
  readonly aloneFrom: Offset
  readonly aloneBelow: Offset
  /** Of a ring: these as well, but not before the others. They had run for longer when the process died. */
  readonly aloneInHand: readonly Offset[]
  /** Of a ring: one that runs alone for so long hangs, and is waited for no longer. */
  readonly aloneForMs: number
}

/** Names a feed among the lanes of a claim. */
export const FEED_LANE = -1

/** A ring that the feeder is to fill; a LaneId with FEED_LANE. */
export interface FeedStart extends LaneId {
  /** RingMemory of the claim; its HEAD_OFFSET is where to start. */
  readonly ring: SharedArrayBuffer
  /** Nothing from there on goes into the ring; null: everything does. */
  readonly feedBelow: Offset | null
  readonly paused: boolean
}

/** A seat of a ring that a thread is to take. */
export interface SeatStart extends LaneId {
  readonly ring: SharedArrayBuffer
  readonly seat: number
  /** GroupMemory's, when the claim was made. */
  readonly generation: number
  readonly paused: boolean
  /** Records of all its seats that the thread may run at once. */
  readonly concurrency: number
  /** What failed the last attempts of records in hand, where the thread cannot tell: another one, or another process, ran them. */
  readonly lastFailures: readonly { readonly offset: Offset; readonly error: ErrorWire }[]
  /** One of these may have ended its thread: each runs alone on the thread, for as long as this at most. */
  readonly suspects: readonly { readonly offset: Offset; readonly forMs: number }[]
  /** As LaneStart's; then no other seat of the ring is taken. */
  readonly careful: CarefulStart | null
}

/** What a lane is about to run. */
export interface Announcement {
  readonly from: Offset
  readonly to: Offset
  /** One record, with no other in hand in the process. */
  readonly isAlone: boolean
  /** For how long the lane has run records since it last announced any. */
  readonly ranMs: number
  /** Of a ring: records in hand that are to run alone have not done so yet. */
  readonly hasSuspects: boolean
}

/** A record whose attempts are used up, with all that its dead letter is made of. */
export interface DeadLetter {
  readonly lane: LaneId
  readonly offset: Offset
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** In the order of the record; a name may occur more than once. */
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
  readonly attempts: number
  /** What failed the last attempt. */
  readonly error: ErrorWire
  readonly threadId: number
}

/** Who leads the partitions, as far as the coordinator knows; replaces what the worker knew. */
export interface LeaderView {
  readonly brokers: readonly BrokerAddress[]
  /** topic → leader node id by partition number; -1 = none at the moment. */
  readonly leaders: Readonly<Record<string, readonly number[]>>
}

export interface WorkerApi {
  /**
   * Imports the handler module and runs `setup`: HANDLER_MODULE_INVALID, HANDLER_SETUP_FAILED. `threadId`: the place of the
   * thread in the pool, from 0, `context.threadId`. A thread may have been started before it has one.
   */
  loadHandler(threadId: number): Promise<void>
  updateLeaders(view: LeaderView): void
  /** Runs `claimed`, then fetches and handles from the floor in the lane's memory on. HANDLER_HOOK_FAILED. */
  startLane(lane: LaneStart): Promise<void>
  /** Runs `claimed`, then handles records of the ring. HANDLER_HOOK_FAILED. */
  startSeat(seat: SeatStart): Promise<void>
  /** Fetches and appends to the ring from its HEAD_OFFSET on. Needs no handler. */
  startFeed(feed: FeedStart): void
  /**
   * Takes no further record; when the one in hand is finished, runs `released` and forgets the lane. A feed appends nothing
   * any more. Progress is in the memory of the claim. Unknown lanes: nothing to do.
   */
  drainLane(lane: LaneId): Promise<void>
  /** Aborts the lane's signal. With drainLane this is how a lost claim ends. */
  abortLane(lane: LaneId, reason: string): void
  setPaused(lane: LaneId, paused: boolean): void
  /** A lane that ran alone does so no longer: the others may take records. */
  wake(): void
  /** Drains every lane, runs `teardown`, closes connections; the thread's task then ends. */
  stop(): Promise<void>
}

export interface CoordinatorApi {
  /** The position is outside of the log. Answers where to go on (the reset policy), or rejects: the lane stops. */
  resolveOutOfRange(lane: LaneId, position: Offset): Promise<Offset>
  /** Resolves once the brokers have stored it. DEAD_LETTER_FAILED: they did not in time. */
  deadLetter(letter: DeadLetter): Promise<void>
  /**
   * Resolves when what the lane is about to run is stored, and it runs alone if that was asked for. True: from now on it
   * runs what it likes, and announces nothing. Rejects if the claim is being given up: the lane runs nothing more.
   */
  announce(lane: LaneId, announcement: Announcement): Promise<boolean>
  /** The attempt that was to run alone is over. `runsOn`: something of its lane still runs, be it that attempt: no longer alone. */
  aloneOver(lane: LaneId, runsOn: boolean): Promise<void>
  /** Token for SASL OAUTHBEARER: functions do not cross threads. */
  oauthToken(): Promise<{ value: string }>
}

/** The first message of a thread, before any of the user's code runs in it. */
export interface WorkerStarted {
  readonly type: 'started'
  /** Its `threadId` of node:worker_threads: tells which thread of the process runs the task. */
  readonly nodeThreadId: number
}

/** An attempt failed, and this is what comes of the record; that its lane stops is told by `lane-failed` instead. */
export interface AttemptFailure {
  readonly type: 'record-failed'
  readonly lane: LaneId
  readonly offset: Offset
  readonly attempt: number
  readonly outcome: 'retry' | 'skipped' | 'dead-lettered'
  /** For `retry`: when it is run again. */
  readonly retryInMs: number | null
  readonly error: ErrorWire
}

/**
 * The attempts of the first record in hand are used up, and it is about to be stored elsewhere. Whoever goes on with the
 * lane, should it leave this thread before that is done, tells what failed the last of them.
 */
export interface AttemptsUsedUp {
  readonly type: 'attempts-used-up'
  readonly lane: LaneId
  readonly offset: Offset
  readonly attempts: number
  readonly error: ErrorWire
}

/** One-way messages of a worker. */
export type WorkerMessage =
  | { readonly type: 'log'; readonly level: LogLevel; readonly fields: object; readonly message: string }
  /** Somebody else leads a partition now, or nobody does: refresh once for all, then updateLeaders. */
  | { readonly type: 'leaders-stale'; readonly reason: string }
  | AttemptFailure
  | AttemptsUsedUp
  /** A lane stopped for good until an operator acts; `error` is an ErrorWire. */
  | { readonly type: 'lane-failed'; readonly lane: LaneId; readonly error: unknown }
  /** A condition worth an error event; the lane tries on. */
  | { readonly type: 'lane-troubled'; readonly lane: LaneId; readonly error: unknown }
