/**
 * Lets a limited number of calls be under way at a time; the others wait in order. A server answers the calls of a
 * session one after the other, so a heartbeat behind thousands of reads would be answered after the lease: urgent
 * calls do not wait.
 */
export class SendWindow {
  readonly #size: number
  #underWay = 0
  #waiting: (() => void)[] = []

  constructor(size: number) {
    this.#size = size
  }

  /** Calls `send` now, or when its turn comes. Each call that was sent must `leave`. */
  enter(send: () => void, isUrgent: boolean): void {
    if (!isUrgent && this.#underWay >= this.#size) {
      this.#waiting.push(send)
      return
    }
    this.#underWay += 1
    send()
  }

  leave(): void {
    this.#underWay -= 1
    if (this.#underWay >= this.#size) return // urgent calls had gone in beyond the size
    const next = this.#waiting.shift()
    if (next !== undefined) this.enter(next, false)
  }

  /** The connection is gone: nothing is under way, and nobody gets a turn. */
  reset(): void {
    this.#underWay = 0
    this.#waiting = []
  }
}
