/** What a blocked stretch costs of a time that counts only while the event loop runs: one in so many parts. */
const AWAKE_SLICES = 10

/**
 * A timer that lets the event loop read its sockets once more before it acts. Node runs due timers before it polls:
 * after a blocked or frozen stretch every deadline looks missed although the answers wait in the kernel. In `slices`,
 * such a stretch counts as one slice at most, however long it was.
 */
export class PatientTimer {
  readonly #action: () => void
  readonly #slices: number
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined

  constructor(action: () => void, slices = 1) {
    this.#action = action
    this.#slices = slices
  }

  /** True from `arm` until it acts or is cleared. */
  get isArmed(): boolean {
    return this.#timer !== undefined
  }

  /** Acts once, after at least `delayMs`; an earlier arming is forgotten. */
  arm(delayMs: number): void {
    this.clear()
    this.#wait(delayMs / this.#slices, this.#slices)
  }

  clear(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#timer = undefined
  }

  #wait(sliceMs: number, slicesLeft: number): void {
    this.#timer = setTimeout(() => {
      if (slicesLeft > 1) this.#wait(sliceMs, slicesLeft - 1)
      else this.#immediate = setImmediate(() => this.#act())
    }, sliceMs)
  }

  #act(): void {
    this.#timer = undefined
    this.#action()
  }
}

/** Calls `onTimeout` after `timeoutMs` in which the event loop could run, and returns what cancels it. */
export function startPatientTimeout(timeoutMs: number, onTimeout: () => void): () => void {
  const timer = new PatientTimer(onTimeout, AWAKE_SLICES)
  timer.arm(timeoutMs)
  return () => timer.clear()
}
