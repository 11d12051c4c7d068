/** A record in hand; null: no other waits for it. */
export interface Keyed {
  readonly hash: number | null
}

interface Link<Record> {
  readonly record: Record
  next: Link<Record> | null
}

interface Queue<Record> {
  /** Its record may run, or waits for its next attempt. */
  first: Link<Record>
  last: Link<Record>
}

/**
 * One record of a key at a time, in the order in which they came. A record that is done at once costs nothing here: only
 * those that stay in hand hold their key.
 */
export class KeyOrder<Record extends Keyed> {
  readonly #queues = new Map<number, Queue<Record>>()

  /** True if another record holds its key: then it is behind that, until `release` returns it. */
  mustWait(record: Record): boolean {
    if (this.#queues.size === 0 || record.hash === null) return false
    const queue = this.#queues.get(record.hash)
    if (queue === undefined) return false
    queue.last = queue.last.next = { record, next: null }
    return true
  }

  /** The record stays in hand: others of its key wait for it. Idempotent. */
  hold(record: Record): void {
    if (record.hash === null || this.#queues.has(record.hash)) return
    const link = { record, next: null }
    this.#queues.set(record.hash, { first: link, last: link })
  }

  /** It is out of hand: the record that was behind it, which holds the key now. */
  release(record: Record): Record | null {
    if (this.#queues.size === 0 || record.hash === null) return null
    const queue = this.#queues.get(record.hash)
    if (queue === undefined) return null
    const { next } = queue.first
    if (next === null) this.#queues.delete(record.hash)
    else queue.first = next
    return next === null ? null : next.record
  }
}
