import type { InHandAs } from '../../shared/memory/lane-memory.ts'

/** What a lane has in hand on a thread, as shared memory shows it. */
export interface LaneLook<Lane> {
  readonly lane: Lane
  readonly inHand: Exclude<InHandAs, 'nothing'>
  /** Of an async handler. */
  readonly awaitingSinceMs: number | null
}

export interface Deadline {
  /** What an attempt may take. */
  readonly timeoutMs: number
  /** What it may take from then on to heed its signal. */
  readonly graceMs: number
}

/** Lanes that took too long; the thread is to be ended. */
export interface Overdue<Lane> {
  readonly lanes: readonly Lane[]
  /** The thread hears nothing: its loop has no turn. */
  readonly isBlocked: boolean
}

/**
 * Who on a thread has taken too long. `stackSinceMs`: since when a lane has been on its stack with this record, if one is.
 *
 * While a lane is on the stack no other can settle, so it alone is looked at. Without one, the thread aborts the signal of a
 * handler whose time is over, and lets it time out; if it has not even done that, some handler blocks it behind an await, and
 * which of those in hand that is cannot be known.
 */
export function findOverdue<Lane>(
  looks: readonly LaneLook<Lane>[],
  stackSinceMs: number,
  nowMs: number,
  { timeoutMs, graceMs }: Deadline,
): Overdue<Lane> | null {
  const onStack = looks.find(look => look.inHand === 'slice')
  if (onStack !== undefined)
    return nowMs - stackSinceMs > timeoutMs ? { lanes: [onStack.lane], isBlocked: true } : null
  const late = looks.filter(
    ({ awaitingSinceMs }) => awaitingSinceMs !== null && nowMs - awaitingSinceMs > timeoutMs + graceMs,
  )
  if (late.length === 0) return null
  if (late.every(look => look.inHand === 'timed-out'))
    return { lanes: late.map(look => look.lane), isBlocked: false }
  return { lanes: looks.map(look => look.lane), isBlocked: true }
}
