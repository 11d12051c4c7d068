import type { GroupError } from '../shared/errors.ts'
import type { GroupMemory } from '../shared/memory/group-memory.ts'
import type { Announcement, AttemptsUsedUp, DeadLetter, LaneId, WorkerSettings } from '../shared/protocol.ts'
import type { TimedLane } from './attempts/deadline-timer.ts'
import type { RecordFailed } from './attempts/record-news.ts'
import type { LoadedHandler } from './handler/handler-exports.ts'
import type { LoopLane } from './record-loop.ts'

export type TakingSettings = Pick<
  WorkerSettings,
  'retry' | 'onFailure' | 'handlerTimeoutMs' | 'batchSize' | 'batchWaitMs'
>

/** What takes records and calls the handler on a thread, from its start to its drain. */
export interface ThreadLane extends LoopLane {
  readonly id: LaneId
  /** What of it has a deadline. */
  readonly timed: Iterable<TimedLane>
  /** Runs `claimed`, then takes records. HANDLER_HOOK_FAILED: it is over. */
  start(): Promise<void>
  /** Takes nothing more, waits for what runs, runs `released`. Idempotent; never rejects. */
  drain(): Promise<void>
  /** Tells what runs to give up; no further record is taken. */
  abort(reason: string): void
  setPaused(isPaused: boolean): void
}

/** What it needs of its thread. */
export interface TakingHost {
  readonly group: GroupMemory
  readonly handler: LoadedHandler
  readonly settings: TakingSettings
  /** A lane can take records now. */
  wake(): void
  /** An async handler is awaited from now on. */
  awaits(): void
  /** An async record of the lane is done, whatever the lane can do next. */
  settled(lane: ThreadLane): void
  recordFailed(message: RecordFailed): void
  usedUp(message: AttemptsUsedUp): void
  /** Resolves once it is stored. */
  deadLetter(letter: DeadLetter): Promise<void>
  /** See CoordinatorApi. */
  announce(lane: LaneId, announcement: Announcement): Promise<boolean>
  aloneOver(lane: LaneId, runsOn: boolean): void
  failed(lane: LaneId, error: GroupError): void
  troubled(lane: LaneId, error: GroupError): void
}
