import type { GroupState } from './coordinator/group-state.ts'
import type { SessionState } from './coordinator/storage/group-storage.ts'
import type { GroupError } from './shared/errors.ts'

/** A snapshot of a group, made on demand from shared memory: no thread is asked. */
export interface GroupStatus {
  readonly groupId: string
  readonly memberId: string
  readonly state: GroupState
  readonly session: {
    readonly state: SessionState
    readonly timeoutMs: number
    /** Milliseconds for which claims are still certainly valid; 0 or less: over. */
    readonly leaseRemainingMs: number
  }
  readonly partitions: readonly PartitionStatus[]
  readonly workers: readonly WorkerStatus[]
  /** Records finished by this member since it started. */
  readonly handled: number
  /** Sum of the partitions' known lags. */
  readonly lag: number
}

export interface PartitionStatus {
  readonly topic: string
  readonly partition: number
  /**
   * 'waiting': another member holds it; 'starting': it is claimed and nothing of it runs yet; 'running'; 'moving': between two
   * threads; 'failed': it stops at a record until an operator acts; 'draining': it is being given up; 'released' and 'lost': it was.
   */
  readonly state: string
  readonly epoch: bigint | null
  /** Pool index of the thread that runs it; null where all do. */
  readonly threadId: number | null
  /** Into which its records are divided; 1 unless they are ordered by key. */
  readonly lanes: number
  /** Next offset as committed; null before the first commit. */
  readonly committed: bigint | null
  /** Next offset that could be committed now. */
  readonly committable: bigint | null
  /** End of the partition as of the last fetch; null before it. */
  readonly end: bigint | null
  readonly lag: number | null
  /** Bytes that were fetched and are not handled yet, those in the ring included. */
  readonly bufferedBytes: number
  /**
   * Why no record is taken; '' if nothing prevents it: 'claim', 'lease', 'paused', 'failed', 'fetch-error', 'draining',
   * 'retry', 'dead-letter' (until the dead letter of a record is stored), 'suspect' (it runs alone on its thread, or
   * waits for one that does), 'announce' (processes have died of this partition, or beside it: what runs next is being
   * stored), 'alone' (a record may have killed its process and runs with no other beside it, or is about to). With a ring also
   * 'in-hand-full' (so many records wait for retries, or for others of their key, that no thread may take more); and if there is
   * none to take, 'ring-full' (it is full of records that stand behind unfinished ones), or 'level' (lanes of members with other
   * settings must come to the same offset before the own ones begin).
   */
  readonly waitsFor: string
  /** The record in hand, if one is, running or waiting for its next attempt, and for how long the coordinator has seen it there. */
  readonly oldestInHand: { readonly offset: bigint; readonly ageMs: number; readonly attempt: number } | null
  /** The record that waits for its next attempt: after how many that failed, for how long, and how long it still waits. */
  readonly retry: {
    readonly offset: bigint
    readonly attempts: number
    readonly waitedMs: number
    readonly inMs: number
  } | null
  readonly handled: number
  /** Orders `key` and `none`: what its threads take records from; null in the order of the partition. */
  readonly ring: RingStatus | null
  /** What stopped the partition; null unless `state` is 'failed'. */
  readonly failure: GroupError | null
}

export interface RingStatus {
  /** Of the records that it keeps: those in hand, and those from the first one that is not finished to the newest that was fetched. */
  readonly bytes: number
  /** With more it is full, and nothing is fetched until the oldest records are finished. */
  readonly capacityBytes: number
  /** The highest floor of a lane minus the lowest. */
  readonly spread: number
  readonly lanes: readonly LaneStatus[]
}

export interface LaneStatus {
  readonly lane: number
  /** All records of the lane below are finished. */
  readonly floor: bigint
  /** Offsets from there to the end of the partition; null while that is not known. */
  readonly lag: number | null
  /** What a record of the lane waits for, which holds up others of its key: 'retry', 'dead-letter', 'failed'; '' if none does. */
  readonly waitsFor: string
}

export interface WorkerStatus {
  readonly threadId: number
  /** Share of the time since the last look (or the start) that was spent in handlers, 0 to 1. */
  readonly busyShare: number
  readonly loopDelayMs: number
  /** Since when the thread is inside one slice or handler; null when idle. */
  readonly runningForMs: number | null
  readonly partitions: number
  /** Records finished on this thread since it started. */
  readonly handled: number
  readonly restarts: number
}
