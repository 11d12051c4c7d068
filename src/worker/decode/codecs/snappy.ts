import type * as Snappy from 'snappy'
import { DamagedBytes, OutputTooLarge, type Codec } from './codec.ts'
import { loadedOnce } from '../../../shared/loaded-once.ts'

const library = loadedOnce('snappy') as () => typeof Snappy

/** snappy-java's stream format: this magic, a version, a compatible version, then blocks with their lengths. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER_BYTES = 16
const XERIAL_LENGTH_BYTES = 4

/** A raw snappy block starts with its uncompressed length, a varint of at most this many bytes. */
const MAX_VARINT_BYTES = 5

export const snappy: Codec = {
  name: 'snappy',
  decompress: (bytes, maxBytes) =>
    bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)
      ? decompressXerial(bytes, maxBytes)
      : decompressBlock(bytes, maxBytes),
}

function decompressXerial(bytes: Buffer, maxBytes: number): Buffer {
  const blocks = xerialBlocks(bytes)
  // All claims before the first allocation: thousands of small blocks may be too large together.
  const total = blocks.reduce((sum, block) => sum + claimedLength(block), 0)
  if (total > maxBytes) throw new OutputTooLarge(total)
  const plain = blocks.map(block => decompressBlock(block, maxBytes))
  return plain.length === 1 ? plain[0]! : Buffer.concat(plain)
}

function xerialBlocks(bytes: Buffer): Buffer[] {
  if (bytes.length < XERIAL_HEADER_BYTES) throw new DamagedBytes('the header of the snappy stream is cut off')
  const blocks: Buffer[] = []
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length;) {
    if (at + XERIAL_LENGTH_BYTES > bytes.length) throw new DamagedBytes('the last snappy block is cut off')
    const start = at + XERIAL_LENGTH_BYTES
    const length = bytes.readInt32BE(at)
    if (length <= 0 || start + length > bytes.length)
      throw new DamagedBytes(`a snappy block claims ${length} of ${bytes.length - start} bytes`)
    blocks.push(bytes.subarray(start, start + length))
    at = start + length
  }
  return blocks
}

function decompressBlock(block: Buffer, maxBytes: number): Buffer {
  const claimed = claimedLength(block)
  if (claimed > maxBytes) throw new OutputTooLarge(claimed)
  return library().uncompressSync(block, { asBuffer: true }) as Buffer
}

function claimedLength(block: Buffer): number {
  let length = 0
  for (let at = 0; at < MAX_VARINT_BYTES && at < block.length; at++) {
    const byte = block[at]!
    length += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) return length
  }
  throw new DamagedBytes('a snappy block does not start with a length')
}
