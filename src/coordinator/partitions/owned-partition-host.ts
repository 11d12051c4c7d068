import type { GroupError } from '../../shared/errors.ts'
import type { LaneSettings } from '../../shared/ordering.ts'
import type { TopicPartition } from '../../shared/types.ts'
import type { ProgressRules } from '../progress/claim-progress.ts'
import type { Claim, GroupStorage } from '../storage/group-storage.ts'
import type { WorkerThread } from '../threads/worker-thread.ts'
import type { DrainWatch } from './drain-watch.ts'
import type { OwnedPartition } from './owned-partition.ts'
import type { ClaimStart } from './start-offsets.ts'
import type { RingHost } from './work/ring-host.ts'

/** What an owned partition needs of the rest of the coordinator. */
export interface OwnedPartitionHost {
  readonly storage: GroupStorage
  /** Where to start; stores it if nothing was stored. OFFSET_MISSING if the reset policy is 'none'. */
  resolveStart(claim: Claim): Promise<ClaimStart>
  /** Resolves when the lanes that are being claimed have been spread over the threads. Never rejects. */
  placed(): Promise<void>
  /** The thread that is to run its lane at first. */
  chooseThread(partition: TopicPartition): WorkerThread
  /** What takes the place of a thread that died or was ended, once it can run lanes; null if nothing does. */
  replacementOf(thread: WorkerThread): Promise<WorkerThread> | null
  isPaused(partition: TopicPartition): boolean
  /** Its lanes are being ended for others: from now on its handlers are told to give up after a while, and cut if they go on. Until it is stopped. */
  watchRelane(partition: OwnedPartition): Pick<DrainWatch, 'stop'>
  /** Counts the sessions whose claims became void. */
  generation(): number
  readonly progressRules: ProgressRules
  /** What a member with its options runs partitions with. */
  readonly ownLanes: LaneSettings
  /** Records that a single lane may have in hand at once. */
  readonly maxInHand: number
  readonly rings: RingHost
  /** Resolves when no other lane of this process may take a record: with true if none has one in hand. See LoneLanes. */
  runAlone(partition: OwnedPartition): Promise<boolean>
  /** It may take no record because another runs alone. */
  isHeld(partition: OwnedPartition): boolean
  /** Idempotent. */
  noLongerAlone(partition: OwnedPartition): void
  /** A record of it is given up because processes die of it. */
  killerFound(partition: OwnedPartition, error: GroupError): void
  /** Aborts when a release may no longer be tried: the time for stopping is nearly over. */
  readonly giveUpReleasing: AbortSignal
  claimed(partition: OwnedPartition): void
  refused(partition: OwnedPartition, holder: string): void
  released(partition: OwnedPartition, reason: string): void
  /** Its last progress could not be stored, and whoever owns it next handles that again; or the release was refused. */
  notStored(partition: OwnedPartition, error: GroupError): void
  failed(partition: OwnedPartition, error: GroupError): void
}
