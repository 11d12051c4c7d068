/** What the coordinator saw of one thread between two looks. */
export interface ThreadObservation<L> {
  /** Share of the time spent in handlers, 0 to 1. */
  readonly busyShare: number
  readonly lanes: readonly LaneObservation<L>[]
}

export interface LaneObservation<L> {
  readonly lane: L
  /** Records known to wait. */
  readonly backlog: number
  /** Records finished between the two looks. */
  readonly handled: number
  /** False while the lane starts, moves, drains, is paused or has failed. */
  readonly movable: boolean
}

export interface LaneMove<L> {
  readonly lane: L
  readonly from: number
  readonly to: number
}

/** A thread below is idle, one above is behind if it has work for more lanes than one. */
const IDLE_SHARE = 0.5
const BEHIND_SHARE = 0.85
/** Less than this many looks' worth of work is done before a move pays. */
const WORTH_LOOKS = 1

/**
 * The one move that helps most, or null. From the busiest thread that is behind to the idlest one: of its movable
 * lanes the one with the largest backlog, which is always the one nearest to half of the waiting work.
 */
export function chooseMove<L>(threads: readonly ThreadObservation<L>[]): LaneMove<L> | null {
  const to = extreme(threads, (a, b) => a.busyShare < b.busyShare)
  const from = extreme(
    threads,
    (a, b) => waitingLanes(a) > 1 && (waitingLanes(b) <= 1 || a.busyShare > b.busyShare),
  )
  if (to === from || threads.length < 2) return null
  const idle = threads[to]!
  const behind = threads[from]!
  if (idle.busyShare >= IDLE_SHARE || behind.busyShare < BEHIND_SHARE || waitingLanes(behind) < 2) return null
  const lane = largestLane(behind)
  return lane === null ? null : { lane, from, to }
}

function waitingLanes(thread: ThreadObservation<unknown>): number {
  return thread.lanes.filter(lane => lane.backlog > 0).length
}

function largestLane<L>(thread: ThreadObservation<L>): L | null {
  const total = thread.lanes.reduce((sum, lane) => sum + lane.backlog, 0)
  const perLook = thread.lanes.reduce((sum, lane) => sum + lane.handled, 0)
  if (total < perLook * WORTH_LOOKS) return null
  let best: LaneObservation<L> | null = null
  for (const lane of thread.lanes) {
    if (!lane.movable || lane.backlog === 0) continue
    if (best === null || lane.backlog > best.backlog) best = lane
  }
  return best?.lane ?? null
}

function extreme<T>(values: readonly T[], better: (a: T, b: T) => boolean): number {
  let best = 0
  for (let index = 1; index < values.length; index++) if (better(values[index]!, values[best]!)) best = index
  return best
}
