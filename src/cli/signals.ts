import { monotonicMs } from '../shared/clock.ts'

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** What a shell reports for a program that was interrupted. */
const INTERRUPTED = 130

/** A terminal signals npm and us, and npm passes the same signal on to us: within this time both are one. */
const ECHO_MS = 100

/**
 * Calls `stop` at the first SIGINT or SIGTERM and ends the process at the second. Returns a function that gives the
 * signals back their usual effect. `now` is a monotonic clock in milliseconds.
 */
export function stopOnSignals(
  stop: (signal: NodeJS.Signals) => void,
  now: () => number = monotonicMs,
): () => void {
  let first: { readonly signal: NodeJS.Signals; readonly atMs: number } | null = null
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first === null) {
      first = { signal, atMs: now() }
      stop(signal)
      return
    }
    const isEcho = signal === first.signal && now() - first.atMs < ECHO_MS
    if (!isEcho) process.exit(INTERRUPTED)
  }
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal)
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal)
  }
}
