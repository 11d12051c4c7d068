import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { monotonicMs } from '../../shared/clock.ts'

export interface GarbageLimitOptions {
  /** What may lie about unused before it is collected. */
  readonly maxBytes: number
  /** What the feeds hold now. */
  readonly heldBytes: () => number
  /** Memory outside of the heap, of this thread. */
  readonly externalBytes?: () => number
  /** Collects all garbage of this thread. */
  readonly collect?: () => void
  readonly now?: () => number
}

/** How often to look: whenever this share of the limit was dropped. */
const LOOK_SHARE = 1 / 4
/** Collections take at most this share of the time, and do not come more often than this. */
const MAX_TIME_SHARE = 0.01
const MIN_INTERVAL_MS = 5000

/**
 * Keeps what was fetched and handled from piling up. V8 frees the memory of old buffers only in a full collection, which
 * it starts for them after 64 MiB in each thread; a thread with a slow handler makes so little other garbage that it
 * gets there, and a dozen threads then hold most of a gigabyte that nobody uses. Handlers may keep records, so the
 * memory cannot be reused or freed by hand.
 */
export class GarbageLimit {
  readonly #maxBytes: number
  readonly #heldBytes: () => number
  readonly #externalBytes: () => number
  readonly #now: () => number
  #collect: (() => void) | undefined
  /** Dropped since the last look. */
  #droppedBytes = 0
  /** The least seen since the last collection beside what the feeds held: the program's own, which no collection frees. */
  #keptBytes = 0
  #notBeforeMs = -Infinity
  #isDue = false

  constructor(options: GarbageLimitOptions) {
    this.#maxBytes = options.maxBytes
    this.#heldBytes = options.heldBytes
    this.#externalBytes = options.externalBytes ?? (() => process.memoryUsage().external)
    this.#collect = options.collect
    this.#now = options.now ?? monotonicMs
  }

  /** Fetched memory is no longer needed. */
  dropped(bytes: number): void {
    this.#droppedBytes += bytes
    if (this.#droppedBytes < this.#maxBytes * LOOK_SHARE) return
    this.#droppedBytes = 0
    const otherBytes = this.#externalBytes() - this.#heldBytes()
    this.#keptBytes = Math.min(this.#keptBytes, otherBytes)
    if (otherBytes - this.#keptBytes < this.#maxBytes || this.#isDue || this.#now() < this.#notBeforeMs)
      return
    this.#isDue = true
    setImmediate(() => this.#collectNow()) // not under the lane that takes its next records
  }

  #collectNow(): void {
    this.#isDue = false
    this.#collect ??= fullCollection()
    const startedMs = this.#now()
    this.#collect()
    this.#keptBytes = Infinity // known at the next look: V8 frees buffers in the background
    const endedMs = this.#now()
    this.#notBeforeMs = endedMs + Math.max(MIN_INTERVAL_MS, (endedMs - startedMs) / MAX_TIME_SHARE)
  }
}

/**
 * `gc` is there only in a context that is made while the flag is set. The flag is one for all threads, so it stays set:
 * a thread that took it back could do so between another's setting it and making its context.
 */
function fullCollection(): () => void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('globalThis.gc')
  return typeof gc === 'function' ? (gc as () => void) : () => {} // an engine without it collects when it likes
}
