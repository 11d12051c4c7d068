import type { FetchPosition } from '../../shared/kafka/fetch-request.ts'

/** A partition that may be asked for now. */
export interface FetchCandidate extends FetchPosition {
  /** Grows with every answer that brought something; 0 for a partition that never got anything. */
  readonly servedAt: number
}

/**
 * The order of a request. A broker fills an answer from the front until it is full, and only its first non-empty
 * partition may exceed the limits (KIP-74), so whoever was served longest ago comes first. The sort is stable:
 * partitions of one topic that were never served stay together.
 */
export function inServiceOrder<C extends FetchCandidate>(candidates: readonly C[]): C[] {
  return candidates.toSorted((a, b) => a.servedAt - b.servedAt)
}

/**
 * | state   | what is true inside it                                                  |
 * | ------- | ----------------------------------------------------------------------- |
 * | ready   | a request may go out                                                    |
 * | out     | a request is under way                                                  |
 * | overdue | a request is under way and should have been answered: nobody waits for it |
 * | pausing | the last request failed or brought nothing too early; a timer ends it   |
 */
export type LinkState = 'ready' | 'out' | 'overdue' | 'pausing'

export interface LinkSituation {
  /** There are partitions to ask for that are in no request. */
  readonly hasCandidates: boolean
  readonly poll: LinkState
  readonly quick: LinkState
  /** The last answer on the poll link was full: its partitions have a backlog. */
  readonly wasPollFull: boolean
}

/**
 * Which connection the next request goes out on. The poll link may wait long, because whoever it leaves out goes on
 * the quick one, which waits briefly. When the poll link comes home and the quick one is out, it stays until that is
 * home, too: then one long poll has them all and the quick link rests. Only a backlog is not made to wait for that,
 * and nobody waits for a quick link that is overdue. docs/decisions/0003-long-poll.md
 */
export function chooseLink(situation: LinkSituation): 'poll' | 'quick' | null {
  const { hasCandidates, poll, quick, wasPollFull } = situation
  if (!hasCandidates) return null
  switch (poll) {
    case 'ready':
      return quick === 'out' && !wasPollFull ? null : 'poll'
    case 'out':
    case 'overdue':
      return quick === 'ready' ? 'quick' : null
    case 'pausing': // the quick link leads to the same broker
      return null
  }
}
