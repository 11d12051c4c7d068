/** A signed 64-bit integer as a double: exact up to 2^53, which no offset or timestamp in use exceeds. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}
