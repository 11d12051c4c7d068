import { performance } from 'node:perf_hooks'

/**
 * `performance.now()` counts from the start of each thread; the difference to the process-wide monotonic clock
 * is constant, so adding it makes readings of different threads comparable.
 */
const threadStartMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Monotonic milliseconds with fraction, comparable between the threads of one process. */
export function monotonicMs(): number {
  return threadStartMs + performance.now()
}

/** Wall clock in milliseconds. */
export function wallMs(): number {
  return Date.now()
}
