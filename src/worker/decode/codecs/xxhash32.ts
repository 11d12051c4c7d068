const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1

const STRIPE_BYTES = 16

/** xxHash32 of the bytes from `start` to `end`. Source: xxhash_spec.md. */
export function xxHash32(bytes: Uint8Array, seed = 0, start = 0, end = bytes.length): number {
  const stripesEnd = end - ((end - start) % STRIPE_BYTES)
  let hash = stripesEnd > start ? ofStripes(bytes, seed, start, stripesEnd) : (seed + PRIME_5) | 0
  hash = (hash + (end - start)) | 0
  let at = stripesEnd
  for (; at + 4 <= end; at += 4) {
    hash = (hash + Math.imul(wordAt(bytes, at), PRIME_3)) | 0
    hash = Math.imul(rotateLeft(hash, 17), PRIME_4)
  }
  for (; at < end; at++) {
    hash = (hash + Math.imul(bytes[at]!, PRIME_5)) | 0
    hash = Math.imul(rotateLeft(hash, 11), PRIME_1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function ofStripes(bytes: Uint8Array, seed: number, start: number, end: number): number {
  let one = (seed + PRIME_1 + PRIME_2) | 0
  let two = (seed + PRIME_2) | 0
  let three = seed | 0
  let four = (seed - PRIME_1) | 0
  for (let at = start; at < end; at += STRIPE_BYTES) {
    one = mixed(one, wordAt(bytes, at))
    two = mixed(two, wordAt(bytes, at + 4))
    three = mixed(three, wordAt(bytes, at + 8))
    four = mixed(four, wordAt(bytes, at + 12))
  }
  return (rotateLeft(one, 1) + rotateLeft(two, 7) + rotateLeft(three, 12) + rotateLeft(four, 18)) | 0
}

function mixed(lane: number, word: number): number {
  return Math.imul(rotateLeft((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1)
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
