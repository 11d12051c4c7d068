import type { MoveTable } from '../shared/state-machine.ts'

/**
 * Life of one lane on one thread.
 *
 * | state    | what is true inside it                                                                       |
 * | -------- | -------------------------------------------------------------------------------------------- |
 * | starting | the module's `claimed` hook runs; nothing is fetched                                         |
 * | running  | records are fetched and taken, unless the lane is paused, aborted, or the lease is over      |
 * | failed   | an error ended the taking for good; the floor stays below the record it happened at          |
 * | draining | no record is taken; the one in hand is being finished, then `released` runs                  |
 * | drained  | final: forgotten, with its progress in its memory; another thread may go on with it          |
 *
 * Whether a record is in hand, and whether the lane is paused or aborted, are facts beside the state: each of them
 * can hold in several states. Taking needs `running` and none of them.
 */
export type LaneState = 'starting' | 'running' | 'failed' | 'draining' | 'drained'

export const LANE_MOVES: MoveTable<LaneState> = {
  starting: ['running', 'draining', 'drained'],
  running: ['failed', 'draining'],
  failed: ['draining'],
  draining: ['drained'],
  drained: [],
}
