import type { MoveTable } from '../../shared/state-machine.ts'

/**
 * Life of the feed of one ring.
 *
 * | state   | what is true inside it                                                                            |
 * | ------- | ------------------------------------------------------------------------------------------------- |
 * | feeding | records are fetched and appended, unless the feed is paused or the ring is full                    |
 * | level   | everything below the level point is in the ring or was; nothing is fetched                         |
 * | ending  | what comes next cannot be fed; before that is told, all that was appended is to be finished        |
 * | failed  | it was told                                                                                        |
 * | drained | final: forgotten; HEAD_OFFSET of the ring says where another feed goes on                          |
 */
export type FeedState = 'feeding' | 'level' | 'ending' | 'failed' | 'drained'

export const FEED_MOVES: MoveTable<FeedState> = {
  feeding: ['level', 'ending', 'drained'],
  level: ['drained'],
  ending: ['failed', 'drained'],
  failed: ['drained'],
  drained: [],
}
