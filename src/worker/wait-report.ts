import type { LaneState } from './lane-state.ts'

/** Stores why something waits whenever that is another reason than before. */
export class WaitReport<Reason extends string> {
  readonly #reason: () => Reason
  readonly #store: (reason: Reason) => void
  /** Null: not known, as a thread before may have left its own. */
  #stored: Reason | null = null

  /** `reason`: as it is now; '' if nothing is waited for. */
  constructor(reason: () => Reason, store: (reason: Reason) => void) {
    this.#reason = reason
    this.#store = store
  }

  /** It may have changed. */
  publish(): void {
    const reason = this.#reason()
    if (reason === this.#stored) return
    this.#stored = reason
    this.#store(reason)
  }
}

/** Why nothing is taken as far as the life of a lane goes; '' before it has begun and once it is over; null if nothing of that prevents it. */
export function waitOfLife(
  state: LaneState,
  isPaused: boolean,
  isHeld: boolean,
): 'draining' | 'failed' | 'paused' | 'lease' | '' | null {
  if (state === 'draining' || state === 'failed') return state
  if (state !== 'running') return ''
  if (isPaused) return 'paused'
  return isHeld ? 'lease' : null
}
