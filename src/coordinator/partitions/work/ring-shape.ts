import type { RingShape } from '../../../shared/memory/ring/ring-layout.ts'
import { MIN_RING_BYTES } from '../../../shared/ordering.ts'

/** What of the options decides how large rings are, and how much of them runs at once. */
export interface RingOptions {
  readonly threads: number
  /** Records that may run at once in this member. */
  readonly concurrency: number
  readonly ringBytesPerPartition: number
  /** Of fetch. */
  readonly maxBufferedBytes: number
}

/** Rings take no more than this part of what may be buffered: the rest is for what is fetched and not in a ring yet. */
const RINGS_SHARE = 1 / 2
/** Records of this size, and no smaller ones, fill index and bytes of a ring at the same time. */
const BYTES_PER_RECORD = 128
/** Records that a thread may have in hand besides those that it runs: they wait for a retry, or for one of the same key. */
const PARKED = 256

/** Records of all its seats that one thread may run at once. */
export function concurrencyOfThread({ concurrency, threads }: RingOptions): number {
  return Math.max(1, Math.ceil(concurrency / threads))
}

/** Of a ring that is made while the member has so many partitions. */
export function ringShape(
  ordering: RingShape['ordering'],
  options: RingOptions,
  partitions: number,
): Omit<RingShape, 'lanes' | 'restored'> {
  const dataBytes = ringBytes(options, partitions)
  return {
    ordering,
    seats: options.threads,
    slotsPerSeat: concurrencyOfThread(options) + PARKED,
    indexCapacity: 2 ** Math.ceil(Math.log2(dataBytes / BYTES_PER_RECORD)),
    dataBytes,
  }
}

function ringBytes({ ringBytesPerPartition, maxBufferedBytes }: RingOptions, partitions: number): number {
  const share = (maxBufferedBytes * RINGS_SHARE) / Math.max(1, partitions)
  const bytes = Math.max(MIN_RING_BYTES, Math.min(ringBytesPerPartition, share))
  return Math.floor(bytes / 8) * 8
}
