import { spawn } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { Worker } from 'node:worker_threads'

/** How long the process may go on after everything was stopped before it is ended. */
const LINGER_MS = 3_000
/** How long an exit may take to end the threads. */
const EXIT_MS = 1_000

const threads = new Set<Worker>()

/**
 * Ends the process should something still keep it alive after everything was stopped. The timer itself holds nothing.
 */
export function exitSoon(): void {
  setTimeout(() => {
    if (threads.size === 0) tellWhatHolds() // else a native call does, and the exit tells that
    process.exit()
  }, LINGER_MS).unref()
}

function tellWhatHolds(): void {
  const held = process.getActiveResourcesInfo().join(', ')
  process.stderr.write(`kwg: everything is stopped but the process is held by: ${held}; ending it\n`)
}

/**
 * From now on every exit of the process, whatever leads to it, really ends it: Node waits for its threads then, and a native
 * call in one of them cannot be cut. A process of its own kills this one if that takes too long, because nothing runs here.
 */
export function exitDespiteNativeCalls(): void {
  subscribe('worker_threads', message => {
    const { worker } = message as { worker: Worker }
    threads.add(worker)
    worker.once('exit', () => threads.delete(worker))
  })
  process.once('exit', () => {
    if (threads.size > 0) killLater()
  })
}

function killLater(): void {
  const line = 'kwg: a handler is inside a native call, which cannot be cut; the process is killed\n'
  const code = `
    setTimeout(() => {
      process.stderr.write(${JSON.stringify(line)})
      process.kill(${process.pid}, 'SIGKILL')
    }, ${EXIT_MS})
    process.stdin.resume().on('end', () => process.exit())` // the process has ended by itself
  spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'ignore', 'inherit'], detached: true })
}
