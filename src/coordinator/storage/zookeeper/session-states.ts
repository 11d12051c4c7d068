import type { SessionState } from '../group-storage.ts'

/**
 * The lifecycle of a member's sessions: `connecting` until the first connect of one, `disconnected` and `restoring`
 * within it, `expired` until a new one is asked for.
 */
export const SESSION_MOVES = {
  idle: ['connecting', 'closing'],
  connecting: ['connected', 'idle', 'closing'],
  connected: ['disconnected', 'expired', 'closing'],
  disconnected: ['restoring', 'expired', 'closing'],
  restoring: ['connected', 'disconnected', 'expired', 'closing'],
  expired: ['connecting', 'closing'],
  closing: ['closed'],
  closed: [],
} as const

export type State = keyof typeof SESSION_MOVES

/** How each state looks from outside: a connection whose claims are not verified yet is none. */
export const SEEN_AS = {
  idle: 'unconnected',
  connecting: 'unconnected',
  connected: 'connected',
  disconnected: 'disconnected',
  restoring: 'disconnected',
  expired: 'expired',
  closing: 'closed',
  closed: 'closed',
} as const satisfies Record<State, SessionState>
