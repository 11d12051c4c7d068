import type { MoveTable } from '../../shared/state-machine.ts'

/**
 * Life of one worker thread, as the coordinator sees it.
 *
 * | state   | what is true inside it                                                                             |
 * | ------- | -------------------------------------------------------------------------------------------------- |
 * | running | its task runs, or is about to                                                                      |
 * | ending  | its task is over, or it was told to end whatever it does; a native call in it goes on to its end   |
 * | exited  | final: nothing runs in it any more                                                                 |
 */
export type ThreadState = 'running' | 'ending' | 'exited'

export const THREAD_MOVES: MoveTable<ThreadState> = {
  running: ['ending'],
  ending: ['exited'],
  exited: [],
}
