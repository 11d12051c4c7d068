import { fieldOf, GroupError, messageOf } from '../../shared/errors.ts'

/**
 * How a thread came to its end without being asked to:
 * - `exit`: somebody called process.exit there
 * - `out-of-memory`: its heap had reached its limit
 * - `uncaught`: an exception, or the rejection of a promise, that nobody handled
 * - `terminated`: it was told to end, whatever it did
 */
export type DeathKind = 'exit' | 'out-of-memory' | 'uncaught' | 'terminated'

export interface ThreadDeath {
  readonly kind: DeathKind
  /** WORKER_DIED, with what ended the thread as its cause. */
  readonly error: GroupError
}

/** How Piscina says that a thread exited by itself: there is no code to tell it by. */
const EXITED = /^worker exited with code: /

export interface Deceased {
  readonly threadId: number
  /** Its handler was loaded and set up. */
  readonly isReady: boolean
  readonly wasTerminated: boolean
}

/** `cause`: what the pool says of the thread's end; undefined if its task simply ended. */
export function threadDeath({ threadId, isReady, wasTerminated }: Deceased, cause: unknown): ThreadDeath {
  const why = cause === undefined ? 'it ended' : messageOf(cause)
  const kind = wasTerminated ? 'terminated' : deathKind(cause)
  const when = isReady ? '' : ' before the handler module was loaded and set up'
  const error = new GroupError('WORKER_DIED', `worker thread ${threadId} died${when}: ${why}`, {
    details: { threadId },
    cause,
  })
  return { kind, error }
}

function deathKind(cause: unknown): DeathKind {
  if (cause === undefined) return 'exit'
  if (typeof cause === 'object' && cause !== null && fieldOf(cause, 'code') === 'ERR_WORKER_OUT_OF_MEMORY')
    return 'out-of-memory'
  return EXITED.test(messageOf(cause)) ? 'exit' : 'uncaught'
}
