import { MIN_RING_BYTES } from '../../../shared/ordering.ts'
import { withIndex, type RingOptions } from './ring-shape.ts'

/** What one ring may take, its index included. */
export interface RingGrant {
  readonly bytes: number
  /** The ring is over. Idempotent. */
  giveBack(): void
}

/** Rings take no more than this part of what may be buffered: the rest is for what is fetched and not in a ring yet. */
const RINGS_SHARE = 1 / 2
/** Less than this no ring gets, whatever the others have: their claims count as much. */
const LEAST_BYTES = withIndex(MIN_RING_BYTES)

/** What the rings of a member may take together: each its even share when it is made, of what the others leave. */
export class RingBudget {
  readonly #totalBytes: number
  readonly #wantedBytes: number
  #grantedBytes = 0

  constructor({ ringBytesPerPartition, maxBufferedBytes }: RingOptions) {
    this.#totalBytes = maxBufferedBytes * RINGS_SHARE
    this.#wantedBytes = withIndex(ringBytesPerPartition)
  }

  /** For a ring that is made while the member has so many partitions. */
  grant(partitions: number): RingGrant {
    const share = this.#totalBytes / Math.max(1, partitions)
    const left = this.#totalBytes - this.#grantedBytes
    const bytes = Math.max(LEAST_BYTES, Math.floor(Math.min(this.#wantedBytes, share, left)))
    this.#grantedBytes += bytes
    let isHeld = true
    return {
      bytes,
      giveBack: () => {
        if (isHeld) this.#grantedBytes -= bytes
        isHeld = false
      },
    }
  }
}
