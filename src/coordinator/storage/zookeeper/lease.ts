import { monotonicMs, wallMs } from '../../../shared/clock.ts'
import type { Lease } from '../../../shared/memory/group-memory.ts'

/** One reading of both clocks. */
export interface Instant {
  readonly monoMs: number
  readonly wallMs: number
}

export type Clock = () => Instant

export const systemClock: Clock = () => ({ monoMs: monotonicMs(), wallMs: wallMs() })

/**
 * The part of the session timeout that claims count as certainly valid. The server can end the session one whole
 * timeout after the write that renewed it arrived there, so the rest is margin for stopping handlers.
 */
const LEASE_SHARE = 2 / 3

/** Heartbeats per session timeout: three may fail in a row before the lease is over. */
export const HEARTBEATS_PER_TIMEOUT = 6

/**
 * The lease that a successful quorum write gives. It counts from when the write was sent: the server saw it at that
 * moment or later, so the session cannot end earlier than one timeout after it. By both clocks, because the
 * monotonic one stands still while the machine sleeps and the wall clock may be set back.
 */
export function leaseFrom(sent: Instant, sessionTimeoutMs: number): Lease {
  const lastsMs = sessionTimeoutMs * LEASE_SHARE
  return { monoMs: sent.monoMs + lastsMs, wallMs: sent.wallMs + lastsMs }
}

/** True once either clock has reached the lease's end. */
export function isOver(lease: Lease, now: Instant): boolean {
  return now.monoMs >= lease.monoMs || now.wallMs >= lease.wallMs
}

/**
 * The lease after an answered write, or null if the answer changes nothing: it came so late that its lease is over
 * already (a process that was frozen finds such answers in its socket), or a newer write was answered before.
 */
export function renewal(current: Lease | null, candidate: Lease, now: Instant): Lease | null {
  if (isOver(candidate, now)) return null
  if (current !== null && !isOver(current, now) && candidate.monoMs <= current.monoMs) return null
  return candidate
}

/** Milliseconds until the lease can be over by either clock; never negative. */
export function remainingMs(lease: Lease, now: Instant): number {
  return Math.max(0, Math.min(lease.monoMs - now.monoMs, lease.wallMs - now.wallMs))
}
