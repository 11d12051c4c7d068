import { INDEX_BYTES, type RingShape } from '../../../shared/memory/ring/ring-layout.ts'

/** What of the options decides how large rings are, and how much of them runs at once. */
export interface RingOptions {
  readonly threads: number
  /** Records that may run at once in this member. */
  readonly concurrency: number
  readonly ringBytesPerPartition: number
  /** Of fetch. */
  readonly maxBufferedBytes: number
}

/** Records of this size, and no smaller ones, fill index and bytes of a ring at the same time. */
const BYTES_PER_RECORD = 128
/** Records that a thread may have in hand besides those that it runs: they wait for a retry, or for one of the same key. */
const PARKED = 256

/** Records of all its seats that one thread may run at once. */
export function concurrencyOfThread({ concurrency, threads }: RingOptions): number {
  return Math.max(1, Math.ceil(concurrency / threads))
}

/** Of a ring that takes no more than so many bytes, those of its index included. */
export function ringShape(
  ordering: RingShape['ordering'],
  options: RingOptions,
  wholeBytes: number,
): Omit<RingShape, 'lanes' | 'restored'> {
  return {
    ordering,
    seats: options.threads,
    slotsPerSeat: concurrencyOfThread(options) + PARKED,
    ...dataAndIndex(wholeBytes),
  }
}

/** What a ring takes that has so many bytes for records. */
export function withIndex(dataBytes: number): number {
  return dataBytes + indexCapacityFor(dataBytes) * INDEX_BYTES
}

function indexCapacityFor(dataBytes: number): number {
  return 2 ** Math.ceil(Math.log2(dataBytes / BYTES_PER_RECORD))
}

/** As many bytes for records as can be: of the two indexes that nearly fit, the one that leaves or serves more. */
function dataAndIndex(wholeBytes: number): Pick<RingShape, 'dataBytes' | 'indexCapacity'> {
  const large = indexCapacityFor(wholeBytes)
  const dataWith = (indexCapacity: number): number =>
    Math.min(wholeBytes - indexCapacity * INDEX_BYTES, indexCapacity * BYTES_PER_RECORD)
  const candidates = [large, large / 2, large / 4]
  const indexCapacity = candidates.reduce((best, one) => (dataWith(one) > dataWith(best) ? one : best))
  return { indexCapacity, dataBytes: Math.floor(dataWith(indexCapacity) / 8) * 8 }
}
