import { crc32 } from 'node:zlib'

/** What producers put a key into a partition by: `hash % partitions`. */
export const PARTITIONERS: Readonly<Record<string, (key: Uint8Array) => number>> = {
  'murmur2 (Java)': key => murmur2(key) & 0x7fffffff,
  'CRC-32 (librdkafka)': key => crc32(key),
  'FNV-1a (sarama)': key => Math.abs(fnv1a(key)),
}

/** `org.apache.kafka.common.utils.Utils.murmur2`: an int32. */
export function murmur2(bytes: Uint8Array): number {
  const multiplier = 0x5bd1e995
  const words = Math.floor(bytes.length / 4)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let hash = 0x9747b28c ^ bytes.length
  for (let index = 0; index < words; index += 1) {
    let word = Math.imul(view.getInt32(index * 4, true), multiplier)
    word = Math.imul(word ^ (word >>> 24), multiplier)
    hash = Math.imul(hash, multiplier) ^ word
  }
  const left = bytes.length % 4
  for (let index = left - 1; index >= 0; index -= 1) hash ^= bytes[words * 4 + index]! << (8 * index)
  if (left > 0) hash = Math.imul(hash, multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}

/** FNV-1a of 32 bits: an int32. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 | 0
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}
