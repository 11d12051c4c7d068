import type { Offset } from '../../shared/types.ts'
import { xxHash32 } from '../decode/codecs/xxhash32.ts'

/** Part of what the name 'xxh32' stands for in progress: another seed would be another hash. Not the one that others use. */
const SEED = 0x6b77672e

/** Where a record is, as far as its lane depends on it. */
export interface KeyedRecord {
  readonly offset: Offset
  readonly bytes: Uint8Array
  readonly keyStart: number
  /** -1 for a null key. */
  readonly keyEnd: number
}

/**
 * The hash of a record's key, from 0 to 2^32 - 1; 0 without a key. It is none that partitioners of producers use (murmur2, CRC-32, FNV-1a):
 * the keys of one partition share what those make of them, and would meet in few lanes.
 */
export function keyHash({ bytes, keyStart, keyEnd }: Omit<KeyedRecord, 'offset'>): number {
  return keyEnd < 0 ? 0 : xxHash32(bytes, SEED, keyStart, keyEnd)
}

/** `hash` is the record's keyHash. Records without a key have no order to keep, and go round. */
export function laneOf({ offset, keyEnd }: KeyedRecord, hash: number, lanes: number): number {
  return (keyEnd < 0 ? offset : hash) % lanes
}
