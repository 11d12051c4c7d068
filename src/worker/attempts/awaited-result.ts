import type { GroupError } from '../../shared/errors.ts'

/** Whose attempt it is that is awaited. */
export interface Awaiter {
  fulfilled(): void
  rejected(thrown: unknown): void
}

/** The promise that an async handler returned. A lane waits for one at a time, so nothing is made per record. */
export class AwaitedResult {
  readonly #settled: () => void
  readonly #timedOut: (cause: unknown) => GroupError
  #sinceMs: number | null = null
  #awaiter: Awaiter | null = null
  #timeout: GroupError | null = null

  /**
   * `settled`: nothing is awaited any more, and the awaiter knows. `timedOut` makes what failed an attempt whose time was
   * over and that rejected with something of its own.
   */
  constructor(on: { readonly settled: () => void; readonly timedOut: (cause: unknown) => GroupError }) {
    this.#settled = on.settled
    this.#timedOut = on.timedOut
  }

  /** Since when it is awaited; null if nothing is. */
  get sinceMs(): number | null {
    return this.#sinceMs
  }

  get isTimedOut(): boolean {
    return this.#timeout !== null
  }

  /**
   * By the language's own `then`: one of the handler's might call back twice, and the floor would pass a record that is
   * not finished. What the result throws here, its `constructor` for one, is thrown before anything waits for it.
   */
  start(result: PromiseLike<unknown>, sinceMs: number, awaiter: Awaiter): void {
    void Promise.prototype.then.call(Promise.resolve(result), this.#onFulfilled, this.#onRejected)
    this.#sinceMs = sinceMs
    this.#awaiter = awaiter
  }

  /** Only while something is awaited: whatever it does now, the attempt has failed. */
  timeOut(error: GroupError): void {
    this.#timeout = error
  }

  // Made once per lane, so that an async handler costs no closure per record either.
  readonly #onFulfilled = (): void => {
    if (this.#timeout !== null) {
      this.#fail(this.#timeout)
      return
    }
    this.#sinceMs = null
    this.#awaiter!.fulfilled()
    this.#settled()
  }

  readonly #onRejected = (thrown: unknown): void => {
    const reason = this.#timeout
    if (reason === null) this.#fail(thrown)
    else this.#fail(thrown === undefined || thrown === reason ? reason : this.#timedOut(thrown))
  }

  #fail(thrown: unknown): void {
    this.#sinceMs = null
    this.#timeout = null
    this.#awaiter!.rejected(thrown)
    this.#settled()
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
