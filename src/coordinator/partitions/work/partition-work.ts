import type { ErrorWire } from '../../../shared/error-wire.ts'
import type { WaitReason } from '../../../shared/memory/lane-memory.ts'
import type { RecordInHand } from '../../../shared/memory/remainder-memory.ts'
import type { Announcement, LaneId } from '../../../shared/protocol.ts'
import type { Offset } from '../../../shared/types.ts'
import type { WorkedLanes } from '../../progress/claim-progress.ts'
import type { FeedWaitReason, SeatWaitReason } from '../../../shared/memory/ring/ring-layout.ts'
import type { RingHost } from './ring-host.ts'
import type { WorkerThread } from '../../threads/worker-thread.ts'
import type { InHandOnThread, RetryWait } from './in-hand-on-thread.ts'

/** How the records of one claim are worked off, from when its start is known: where they run, and how far they are. */
export interface PartitionWork extends WorkProgress, WorkOnThreads, WorkLife {
  /** Of shared memory, now. */
  read(): WorkReading
}

export interface WorkProgress {
  /** How far it is now. */
  worked(): WorkedLanes
  /** Records that it has finished, modulo 2^32. */
  readonly handled: number
  /** What failed the last attempt of a record, should a thread have to tell it that did not see it. */
  lastAttemptFailed(record: RecordInHand, error: ErrorWire): void
}

export interface WorkOnThreads {
  /** The only thread that works it off; null where there is no such one. */
  readonly thread: WorkerThread | null
  /** Those on which something of it may run: from when they are chosen until they have drained or exited. */
  readonly threads: readonly WorkerThread[]
  /** The thread has this lane of it (LaneId.lane), or any. */
  isOn(thread: WorkerThread, lane?: number): boolean
  /** What runs there, in the order of the offsets: from when it is about to be handed to the handler. */
  inHandOn(thread: WorkerThread): readonly InHandOnThread[]
  /** The first of the records that are taken and not finished, and run; null: none does. */
  readonly oldestRunning: Offset | null
  /** The thread has exited, and all that was in hand there is judged: nothing of it runs there any more. */
  putDown(thread: WorkerThread): void
  /** Records of this claim that this very thread has finished and that are not credited to it yet. */
  handledOn(thread: WorkerThread): number
}

export interface WorkLife {
  /** Resolves when it runs, cannot run (then the host knows), or was given up. */
  start(): Promise<void>
  /**
   * Takes no further record; resolves when those in hand are finished or put aside, and no thread has or will have anything to run or to tell of it. A thread
   * that has nothing of it in hand may hear of that later, if it is inside a handler of another partition now.
   */
  drain(): Promise<void>
  /** Tells the handlers in hand to give up. Resolves when all their threads have heard. */
  abortSignal(reason: string): Promise<void>
  setPaused(paused: boolean): Promise<void>
  /** Goes over to another thread, if it is on one alone. */
  moveTo(thread: WorkerThread): Promise<void>
  /**
   * The thread is about to be ended: drains there, says so, and goes on where `replacement` tells. Also where the thread ends
   * before that: what was in hand is then handled again.
   */
  moveOff(thread: WorkerThread, replacement: Promise<WorkerThread>, drained: () => void): Promise<void>
  /** It has failed: nothing of it is to run any more. */
  hasFailed(): void
  /** See CoordinatorApi. */
  announce(announcement: Announcement): Promise<boolean>
  aloneOver(runsOn: boolean): Promise<void>
}

export interface WorkReading {
  readonly lanes: number
  /** The next offset to read after a crash. */
  readonly floor: Offset
  /** -1 until the first fetch. */
  readonly highWatermark: Offset
  readonly bufferedBytes: number
  readonly waitsFor: WaitReason | SeatWaitReason | FeedWaitReason
  readonly handled: number
  /** With the attempts that failed; null if nothing is in hand. */
  readonly oldestInHand: RecordInHand | null
  /** The record that waits for its next attempt; null if none does. */
  readonly retry: (RecordInHand & RetryWait) | null
  /** Null: there is none. */
  readonly ring: RingUse | null
}

/** How a ring is used. */
export interface RingUse {
  /** Of the records that it keeps. */
  readonly bytes: number
  readonly capacityBytes: number
  readonly lanes: readonly LaneUse[]
}

export interface LaneUse {
  readonly lane: number
  /** Everything of the lane below is finished. */
  readonly floor: Offset
  /** Why a record of the lane holds up others: '' if none does. */
  readonly waitsFor: '' | 'retry' | 'dead-letter' | 'failed'
}

/** What the work needs of its partition, and of the rest of the coordinator. */
export interface PartitionWorkHost {
  /** Of this work: no other of the same claim has this one. */
  readonly laneId: LaneId
  /** Of the session that the claim was made in. */
  readonly generation: number
  /** Aborts when the partition is given up. */
  readonly givenUp: AbortSignal
  isPaused(): boolean
  chooseThread(): WorkerThread
  /** What takes the place of a thread that died or was ended, once it can run lanes; null if nothing does. */
  replacementOf(thread: WorkerThread): Promise<WorkerThread> | null
  /** Runs when what was asked of the partition before is done. */
  inTurn(operation: () => Promise<void>): Promise<void>
  /** It has neither failed nor been given up. */
  mayGoOn(): boolean
  /** Other lanes than the member's own, which have all come to the same offset: it goes on with its own. */
  lanesAreLevel(): void
  readonly rings: RingHost
  /** True if it was running, and now moves. */
  beginMove(reason: string): boolean
  /** Something of it runs. Nothing to do if it has ended or failed since. */
  runs(where: string): void
  fail(error: unknown): void
  /** Stores what has changed. */
  commit(): Promise<unknown>
  /** Resolves when no other lane of this process may take a record: with true if none has one in hand. See LoneLanes. */
  runAlone(): Promise<boolean>
  /** Idempotent. */
  noLongerAlone(): void
}
