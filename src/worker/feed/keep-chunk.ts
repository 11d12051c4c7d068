/** A view of at least this part of its answer keeps the answer in memory; a smaller one is copied out of it. */
const KEPT_PART = 3 / 4

/**
 * The records of one partition are a view of the whole answer. A lane that is slow would keep the bytes of all the
 * others in memory, so a small view is copied. With a backlog an answer is filled by one partition, so nothing is
 * copied where it would cost throughput; a lane pins at most 1 / KEPT_PART times what it counts.
 */
export function keepChunk(view: Buffer): Buffer {
  if (view.length >= view.buffer.byteLength * KEPT_PART) return view
  const copy = Buffer.allocUnsafeSlow(view.length) // not from the shared pool, which would only pin other bytes
  view.copy(copy)
  return copy
}
