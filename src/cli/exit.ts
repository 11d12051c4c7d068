/** How long the process may go on after everything was stopped before it is ended. */
const LINGER_MS = 3_000

/**
 * Ends the process should something still keep it alive: a handler inside a native call cannot be cut, and its thread
 * would hold the process for as long as the call takes. The timer itself holds nothing.
 */
export function exitSoon(): void {
  setTimeout(() => {
    const held = process.getActiveResourcesInfo().join(', ')
    process.stderr.write(`kwg: everything is stopped but the process is held by: ${held}; ending it\n`)
    process.exit()
  }, LINGER_MS).unref()
}
