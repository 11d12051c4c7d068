import type { MoveTable } from '../../shared/state-machine.ts'

/**
 * Whether more may be fetched for a lane, apart from room and pauses.
 *
 * | state   | what is true inside it                                                                     |
 * | ------- | ------------------------------------------------------------------------------------------ |
 * | open    | the next fetch asks for the fetch position                                                 |
 * | resting | the last answer for this partition was an error that may pass; a timer reopens             |
 * | asking  | the position is out of range; behind what is queued the coordinator is asked where to go on |
 * | ended   | nothing can follow what is queued: behind it stands an error, which the lane will meet     |
 * | closed  | final: the lane is over, its buffers are dropped, answers that still come are ignored      |
 */
export type InboxState = 'open' | 'resting' | 'asking' | 'ended' | 'closed'

export const INBOX_MOVES: MoveTable<InboxState> = {
  open: ['resting', 'asking', 'ended', 'closed'],
  resting: ['open', 'closed'],
  asking: ['open', 'resting', 'ended', 'closed'],
  ended: ['closed'],
  closed: [],
}
