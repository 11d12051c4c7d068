/** Registers a wake-up call; returns the way to take it back. */
export type Subscribe = (wake: () => void) => () => void

/** Resolves at the first wake-up of any source; rejects with the signal's reason when it aborts. Leaves nothing behind. */
export function firstOf(sources: readonly Subscribe[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const cleanUps: (() => void)[] = []
    const settle = (then: () => void) => (): void => {
      for (const cleanUp of cleanUps.splice(0)) cleanUp()
      then()
    }
    const wake = settle(resolve)
    const abort = settle(() => reject(signal.reason as Error))
    signal.addEventListener('abort', abort)
    cleanUps.push(() => signal.removeEventListener('abort', abort))
    for (const subscribe of sources) cleanUps.push(subscribe(wake))
  })
}

/** A source that wakes after a delay. */
export function after(delayMs: number): Subscribe {
  return wake => {
    const timer = setTimeout(wake, Math.max(0, delayMs))
    return () => clearTimeout(timer)
  }
}

/** Wakes whoever waits for something to change; what changed, they look up themselves. */
export class ChangeSignal {
  readonly #wakes = new Set<() => void>()

  readonly subscribe: Subscribe = wake => {
    this.#wakes.add(wake)
    return () => this.#wakes.delete(wake)
  }

  fire(): void {
    for (const wake of [...this.#wakes]) wake()
  }
}

/** Remembers that something happened until it is waited for: an event may come before its waiter does. */
export class Latch {
  #fired = false
  readonly #signal = new ChangeSignal()

  get fired(): boolean {
    return this.#fired
  }

  readonly subscribe: Subscribe = wake => {
    if (this.#fired) queueMicrotask(wake)
    return this.#signal.subscribe(wake)
  }

  fire(): void {
    this.#fired = true
    this.#signal.fire()
  }

  reset(): void {
    this.#fired = false
  }
}
