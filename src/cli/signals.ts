const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** What a shell reports for a program that was interrupted. */
const INTERRUPTED = 130

/**
 * Calls `stop` at the first SIGINT or SIGTERM and ends the process at the second. Returns a function that gives the
 * signals back their usual effect.
 */
export function stopOnSignals(stop: (signal: NodeJS.Signals) => void): () => void {
  let isStopping = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(INTERRUPTED)
    isStopping = true
    stop(signal)
  }
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal)
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal)
  }
}
