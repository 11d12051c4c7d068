/** Of the time for stopping, this much at most is kept for each of: aborted handlers, terminated threads. */
const MAX_RESERVE_MS = 1500

export interface StopDeadlineActions {
  readonly abortHandlers: () => void
  readonly terminateThreads: () => void
}

/**
 * The clock of one stop: handlers may finish; near the deadline their signals abort; nearer, their threads are
 * terminated; what remains is for commit, release and leave. Every step is bounded by the deadline.
 */
export class StopDeadline {
  readonly #force = new AbortController()
  readonly #giveUp = new AbortController()
  readonly #timers: NodeJS.Timeout[]
  readonly #over: Promise<void>

  constructor(timeoutMs: number, actions: StopDeadlineActions) {
    const reserveMs = Math.min(MAX_RESERVE_MS, timeoutMs / 4)
    this.#over = new Promise(resolve => {
      this.#giveUp.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.#timers = [
      setTimeout(actions.abortHandlers, timeoutMs - 2 * reserveMs),
      setTimeout(() => {
        actions.terminateThreads()
        this.#force.abort()
      }, timeoutMs - reserveMs),
      setTimeout(() => this.#giveUp.abort(), timeoutMs),
    ]
  }

  /** Aborts when threads may no longer be waited for: they are terminated. */
  get force(): AbortSignal {
    return this.#force.signal
  }

  /** Aborts when nothing may be waited for any more. */
  get giveUp(): AbortSignal {
    return this.#giveUp.signal
  }

  /** Resolves when the work is done, failed (told to `failed`) or out of time; never rejects. */
  async bound(work: Promise<unknown>, failed: (error: unknown) => void): Promise<void> {
    await Promise.race([work.catch(failed), this.#over])
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer)
  }
}
