import { setTimeout as delay } from 'node:timers/promises'

export interface EventuallyOptions {
  /** @defaultValue 10_000 */
  readonly deadlineMs?: number
  /** @defaultValue 20 */
  readonly intervalMs?: number
  /** What was waited for, for the error: a function can tell how far it came. */
  readonly message?: string | (() => string)
}

const DEFAULT_DEADLINE_MS = 10_000
const DEFAULT_INTERVAL_MS = 20

type Falsy = false | null | undefined

/**
 * Asks until the answer is neither false nor missing, and returns it. Rejects when the deadline passes, and at once
 * when `ask` throws.
 */
export async function eventually<T>(
  ask: () => Promise<T | Falsy> | T | Falsy,
  options: EventuallyOptions = {},
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS
  const end = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (answer !== false && answer !== null && answer !== undefined) return answer
    if (performance.now() >= end)
      throw new Error(`not within ${deadlineMs} ms: ${describe(options.message, ask)}`)
    await delay(options.intervalMs ?? DEFAULT_INTERVAL_MS)
  }
}

function describe(message: EventuallyOptions['message'], ask: () => unknown): string {
  if (message === undefined) return ask.toString()
  return typeof message === 'string' ? message : message()
}
