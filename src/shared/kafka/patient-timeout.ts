const SLICES = 10

/**
 * Calls `onTimeout` after `timeoutMs` in which the event loop could run, and returns what cancels it. Timers run
 * before sockets are read, so after a blocked loop a plain timer fires although the answer is waiting in the system:
 * here a blocked stretch costs one slice of the time at most, and sockets get their turn before the verdict.
 */
export function startPatientTimeout(timeoutMs: number, onTimeout: () => void): () => void {
  let slicesLeft = SLICES
  let timer: NodeJS.Timeout
  let verdict: NodeJS.Immediate | undefined
  const waitForSlice = (): void => {
    timer = setTimeout(() => {
      slicesLeft -= 1
      if (slicesLeft > 0) waitForSlice()
      else verdict = setImmediate(onTimeout)
    }, timeoutMs / SLICES)
  }
  waitForSlice()
  return () => {
    clearTimeout(timer)
    clearImmediate(verdict)
  }
}
