import type { Offset } from '../../shared/types.ts'

/** What is on the stack of a thread: a lane, at a record or batch. */
export interface OnStack<Lane> {
  readonly lane: Lane
  readonly offset: Offset
}

interface Seen<Lane> extends OnStack<Lane> {
  readonly sinceMs: number
}

/**
 * Since when threads have been at what is on their stacks, from looks at them: a thread tells when its slice began, and
 * before this record others may have been handled in it.
 */
export class StackTimes<Thread extends object, Lane> {
  #seen = new WeakMap<Thread, Seen<Lane>>()

  /** The look before was at `beforeMs`. Answers since when, at the earliest, it has been there. */
  look(thread: Thread, { lane, offset }: OnStack<Lane>, beforeMs: number): number {
    const seen = this.#seen.get(thread)
    if (seen?.lane === lane && seen.offset === offset) return seen.sinceMs
    this.#seen.set(thread, { lane, offset, sinceMs: beforeMs })
    return beforeMs
  }

  /** Nothing is on its stack. */
  forget(thread: Thread): void {
    this.#seen.delete(thread)
  }
}
