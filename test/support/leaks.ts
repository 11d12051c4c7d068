import { subscribe } from 'node:diagnostics_channel'
import { after } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { eventually } from './eventually.ts'

/** What Node itself opens and closes in passing, and what carries the test's output. */
const IGNORED = new Set([
  'CloseReq',
  'TTYWrap',
  'Immediate',
  'FSReqCallback',
  'FSReqPromise',
  'WriteWrap',
  'ShutdownWrap',
])
const SETTLE_DEADLINE_MS = 3_000
const REPORT_MS = 2_000

const threads = new Set<Worker>()

function watchThread(message: unknown): void {
  const { worker } = message as { worker: Worker }
  threads.add(worker)
  worker.once('exit', () => threads.delete(worker))
}

/**
 * Call it at the top of a test file, before the file starts anything: the file fails when its tests leave behind
 * threads, or timers, sockets, servers or child processes that would keep the process alive.
 */
export function failOnLeaks(): void {
  subscribe('worker_threads', watchThread)
  const before = process.getActiveResourcesInfo()
  after(async () => {
    await setImmediate() // what was begun in the last turn of a test shows up in this one
    try {
      await eventually(() => leftovers(before).length === 0, {
        deadlineMs: SETTLE_DEADLINE_MS,
        message: () => `the tests left behind: ${leftovers(before).join(', ')}`,
      })
    } catch (error) {
      // Only what was left behind can keep the process alive until then.
      setTimeout(() => process.exit(1), REPORT_MS).unref()
      throw error
    }
  })
}

/** Kinds of resources, once for each that is more than before. */
export function leftovers(before: readonly string[]): string[] {
  const expected = [...before]
  const more = process.getActiveResourcesInfo().filter(kind => {
    const index = expected.indexOf(kind)
    if (index >= 0) expected.splice(index, 1)
    return index < 0 && !IGNORED.has(kind)
  })
  return [...more, ...[...threads].map(thread => `thread ${thread.threadId}`)]
}
