import { markAsUntransferable } from 'node:worker_threads'

/** As large as a slab of Node's own pool: who keeps one copy keeps all of it. */
const SLAB_BYTES = 8192
const NO_BYTES = Buffer.alloc(0)

/**
 * Memory of which copies of records get a piece each. `Buffer.allocUnsafe` does the same, but makes an object per piece and
 * another one per copy; for a small record these cost several times what the copy does.
 */
export class CopySlab {
  /** What the last piece is of. */
  bytes = NO_BYTES
  #words = new Int32Array()
  #usedWords = 0

  /** Copies so many bytes from `word` on, few against those of a slab, with what is behind them in their last word: at which byte the piece begins. */
  copy(from: Int32Array, word: number, bytes: number): number {
    const words = Math.ceil(bytes / 4)
    if (this.#usedWords + words > this.#words.length) this.#renew()
    const start = this.#usedWords
    const target = this.#words
    for (let at = 0; at < words; at++) target[start + at] = from[word + at]!
    this.#usedWords += words
    return start * 4
  }

  #renew(): void {
    this.bytes = Buffer.allocUnsafeSlow(SLAB_BYTES)
    // A handler that gives the memory of its value away would take that of other records, too.
    markAsUntransferable(this.bytes.buffer)
    this.#words = new Int32Array(this.bytes.buffer)
    this.#usedWords = 0
  }
}
