/**
 * A timer that lets the event loop read its sockets once more before it acts. Node runs due timers before it polls:
 * after a blocked or frozen stretch every deadline looks missed although the answers wait in the kernel.
 */
export class PatientTimer {
  readonly #action: () => void
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined

  constructor(action: () => void) {
    this.#action = action
  }

  /** Acts once, after at least `delayMs`; an earlier arming is forgotten. */
  arm(delayMs: number): void {
    this.clear()
    this.#timer = setTimeout(() => {
      this.#immediate = setImmediate(this.#action)
    }, delayMs)
  }

  clear(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
  }
}
