import { monotonicMs } from '../../shared/clock.ts'
import type { WorkerMemory } from '../../shared/memory/worker-memory.ts'

/** What the loop runs. */
export interface Fillable {
  /** Appends until then, at least one record if there is one. True if there is more to append at once. */
  fill(untilMs: number): boolean
}

/** A turn of appending, then one of the event loop: what an answer in a socket or a control message may have to wait. */
const TURN_MS = 2
/** Of which one feed has as much at a time. */
const FEED_TURN_MS = 1

/** The one loop of a thread that fills rings: those that have something to append, in turn. */
export class FeedLoop {
  readonly #memory: WorkerMemory
  /** In the order in which they are served. */
  readonly #ready = new Set<Fillable>()
  #immediate: NodeJS.Immediate | null = null
  #requestedAtMs = 0
  #isStopped = false

  constructor(memory: WorkerMemory) {
    this.#memory = memory
  }

  /** It may have something to append. */
  wake(feed: Fillable): void {
    if (this.#isStopped) return
    this.#ready.add(feed)
    if (this.#immediate === null) this.#request(monotonicMs())
  }

  /** Idempotent. */
  remove(feed: Fillable): void {
    this.#ready.delete(feed)
  }

  /** Idempotent. */
  stop(): void {
    this.#isStopped = true
    this.#ready.clear()
    if (this.#immediate !== null) clearImmediate(this.#immediate)
    this.#immediate = null
  }

  #request(sinceMs: number): void {
    this.#requestedAtMs = sinceMs
    this.#immediate = setImmediate(() => this.#turn())
  }

  #turn(): void {
    const startedAtMs = monotonicMs()
    this.#memory.turned(startedAtMs - this.#requestedAtMs)
    const endedAtMs = this.#fill(startedAtMs, startedAtMs + TURN_MS)
    this.#memory.leave(endedAtMs - startedAtMs)
    this.#immediate = null // only now: whoever woke the loop during the turn found that it has one
    if (this.#ready.size > 0) this.#request(startedAtMs)
  }

  /** Returns when it was done. */
  #fill(startedAtMs: number, untilMs: number): number {
    let nowMs = startedAtMs
    for (const feed of this.#ready) {
      this.#ready.delete(feed)
      // Added anew it comes behind the others, and the iteration gets there, too.
      if (feed.fill(Math.min(nowMs + FEED_TURN_MS, untilMs))) this.#ready.add(feed)
      nowMs = monotonicMs()
      if (nowMs >= untilMs) break
    }
    return nowMs
  }
}
