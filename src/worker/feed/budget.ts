/** What the lanes of one thread may hold of fetched bytes. */
export interface BufferLimits {
  /** For all lanes of the thread; below zero when more is used elsewhere than there is. */
  readonly maxBufferedBytes: number
  /** For one lane and request. */
  readonly maxBytesPerPartition: number
}

/** The same for each lane of a thread, whatever the others hold: a slow lane fills its own share and nobody else's. */
export interface LaneShare {
  /** A lane that holds this much is full. */
  readonly shareBytes: number
  /** What one fetch asks for. */
  readonly fetchBytes: number
}

/** One answer in the handler's hands, one fetched ahead. */
const FETCHES_PER_SHARE = 2
/** Less is not worth a request, however many lanes there are. */
const MIN_FETCH_BYTES = 16 * 1024

export function laneShare(limits: BufferLimits, lanes: number): LaneShare {
  const even = Math.floor(Math.max(0, limits.maxBufferedBytes) / Math.max(1, lanes))
  const shareBytes = Math.min(FETCHES_PER_SHARE * limits.maxBytesPerPartition, even)
  const fetchBytes = Math.max(MIN_FETCH_BYTES, Math.floor(shareBytes / FETCHES_PER_SHARE))
  return { shareBytes, fetchBytes: Math.min(fetchBytes, limits.maxBytesPerPartition) }
}

/**
 * Whether a lane that holds `bufferedBytes` may ask for more. An empty one always may: a batch larger than any share
 * must get through (KIP-74). Otherwise only for a full fetch, so that a lane near its limit does not ask in crumbs, and
 * only while the thread as a whole has `spareBytes` for it: shares shrink when lanes come, what lanes hold does not.
 */
export function hasRoom(share: LaneShare, bufferedBytes: number, spareBytes: number): boolean {
  if (bufferedBytes === 0) return true
  return bufferedBytes + share.fetchBytes <= share.shareBytes && share.fetchBytes <= spareBytes
}
