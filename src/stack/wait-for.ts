import { setTimeout as delay } from 'node:timers/promises'

export interface WaitOptions {
  readonly deadlineMs: number
  readonly intervalMs: number
}

/** Asks again and again until the answer is yes; false when the deadline passes first. A throwing `ask` ends the wait. */
export async function waitFor(ask: () => Promise<boolean>, options: WaitOptions): Promise<boolean> {
  const end = performance.now() + options.deadlineMs
  while (!(await ask())) {
    if (performance.now() >= end) return false
    await delay(options.intervalMs)
  }
  return true
}
