import { setTimeout as delay } from 'node:timers/promises'

/**
 * Resolves when the work is done, or when that takes longer: then its signal aborts. Rejects as the work does, if it is
 * in time.
 */
export async function inTime(work: (signal: AbortSignal) => Promise<unknown>, ms: number): Promise<void> {
  const over = new AbortController()
  const waited = delay(ms, undefined, { signal: over.signal }).catch(() => {}) // cut below
  await Promise.race([work(over.signal), waited]).finally(() => over.abort())
}
