import type { RetrySettings } from './protocol.ts'

/**
 * Whole milliseconds before the next attempt of a record of which `failed` attempts have failed, from 1: doubled from one to the
 * next up to a cap, and drawn evenly from the upper part of that which `jitter` leaves to chance.
 */
export function retryDelayMs(
  { backoffMs, maxBackoffMs, jitter }: Omit<RetrySettings, 'attempts'>,
  failed: number,
  random: () => number = Math.random,
): number {
  const full = Math.min(maxBackoffMs, backoffMs * 2 ** (failed - 1))
  return Math.ceil(full * (1 - jitter * random()))
}
