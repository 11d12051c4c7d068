import { setTimeout as delay } from 'node:timers/promises'

/** Resolves when the work is done, or when that takes longer; rejects as the work does, if it is in time. */
export async function inTime(work: Promise<unknown>, ms: number): Promise<void> {
  const over = new AbortController()
  const waited = delay(ms, undefined, { signal: over.signal }).catch(() => {}) // cut below
  await Promise.race([work, waited]).finally(() => over.abort())
}
