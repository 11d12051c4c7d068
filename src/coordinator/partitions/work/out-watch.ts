import { deferred } from '../../../shared/deferred.ts'
import { isOut } from '../../../shared/memory/ring/close-ring.ts'
import type { RingMemory } from '../../../shared/memory/ring/ring-memory.ts'

const LOOK_EVERY_MS = 20

/** Sees when a seat of a closed ring is out: at once if it is idle. Nobody rings for that: a finish costs no look at who waits. */
export class OutWatch {
  readonly #memory: RingMemory
  readonly #seat: number
  readonly #out = deferred<undefined>()
  #timer: NodeJS.Timeout | null = null

  constructor(memory: RingMemory, seat: number) {
    this.#memory = memory
    this.#seat = seat
    this.#look()
  }

  /** Never resolves once stopped. */
  get isOut(): Promise<undefined> {
    return this.#out.promise
  }

  /** Idempotent. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #look(): void {
    if (isOut(this.#memory, this.#seat)) {
      this.#out.resolve(undefined)
      return
    }
    this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS)
    this.#timer.unref() // a thread in a native call may keep it looking when the group has stopped
  }
}
