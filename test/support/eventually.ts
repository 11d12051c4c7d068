import { setTimeout as delay } from 'node:timers/promises'

export interface EventuallyOptions {
  /** @defaultValue 10_000 */
  readonly timeoutMs?: number
  /** @defaultValue 20 */
  readonly intervalMs?: number
}

/**
 * Calls `check` until it no longer throws, and returns what it returned. When the time is up it rejects with what
 * `check` threw last: assert inside, and the message is the assertion's.
 */
export async function eventually<T>(
  what: string,
  check: () => Promise<T> | T,
  options: EventuallyOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000
  const end = performance.now() + timeoutMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() >= end)
        throw new Error(`not within ${timeoutMs} ms: ${what}\n${lastWords(error)}`, { cause: error })
    }
    await delay(options.intervalMs ?? 20)
  }
}

/** `eventually` for a plain condition. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  options: EventuallyOptions = {},
): Promise<void> {
  const check = async (): Promise<void> => {
    if (!(await condition())) throw new Error('the condition is still false')
  }
  await eventually(what, check, options)
}

function lastWords(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
