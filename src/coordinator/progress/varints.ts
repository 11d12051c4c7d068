/**
 * Numbers of 7 bits per byte, low ones first, where a set high bit says that more follow: small ones take one byte. Up to 2^53, and
 * each has one form only.
 */
export function writeVarints(numbers: Iterable<number>): Buffer {
  const bytes: number[] = []
  for (let left of numbers) {
    for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80)
    bytes.push(left)
  }
  return Buffer.from(bytes)
}

/** Throws an Error that says what is wrong with `what`. */
export function readVarints(bytes: Uint8Array, what: string): number[] {
  const numbers: number[] = []
  let [value, scale] = [0, 1]
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale
    if (!Number.isSafeInteger(value)) throw new Error(`${what}: a number beyond 2^53`)
    if (byte === 0 && scale > 1) throw new Error(`${what}: a number with a byte too many`)
    const isMore = byte >= 0x80
    scale = isMore ? scale * 0x80 : 1
    if (isMore) continue
    numbers.push(value)
    value = 0
  }
  if (scale > 1) throw new Error(`${what}: a number that does not end`)
  return numbers
}
