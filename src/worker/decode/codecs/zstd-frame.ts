import { DamagedBytes } from './codec.ts'

/**
 * The outer structure of Zstandard data: frames, and the blocks in them, without looking into a block.
 * Source: RFC 8878, section 3.1.
 */
const FRAME_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const SKIPPABLE_MASK = 0xfffffff0
const DESCRIPTOR_AT = 4
const BLOCK_HEADER_BYTES = 3
const CHECKSUM_BYTES = 4
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const

const RAW = 0
const RUN_LENGTH = 1
const RESERVED = 3
export const MAX_BLOCK_BYTES = 128 * 1024

export interface ZstdFrame {
  /** Headers and contents of all blocks. */
  readonly blocks: Buffer
  /** How far back a block may refer. */
  readonly windowBytes: number
  /** The frame decompresses to this or less. */
  readonly outputBound: number
}

/** The frames of the data, in order. @throws DamagedBytes where the structure breaks */
export function* zstdFrames(bytes: Buffer): Generator<ZstdFrame> {
  let at = 0
  while (at < bytes.length) {
    if (at + DESCRIPTOR_AT + 4 > bytes.length) throw new DamagedBytes('the Zstandard data is cut off')
    const magic = bytes.readUInt32LE(at)
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + bytes.readUInt32LE(at + 4)
      continue
    }
    if (magic !== FRAME_MAGIC) throw new DamagedBytes('there is no Zstandard frame')
    const header = readHeader(bytes, at)
    const { end, outputBound } = readBlocks(bytes, header.end)
    yield { blocks: bytes.subarray(header.end, end), windowBytes: header.windowBytes, outputBound }
    at = end + header.trailerBytes
  }
}

function readHeader(
  bytes: Buffer,
  start: number,
): { end: number; windowBytes: number; trailerBytes: number } {
  const descriptor = bytes[start + DESCRIPTOR_AT]!
  const isSingleSegment = (descriptor & 0x20) !== 0
  const windowAt = start + DESCRIPTOR_AT + 1
  const dictionaryAt = windowAt + (isSingleSegment ? 0 : 1)
  const dictionaryBytes = DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3]
  const contentSizeAt = dictionaryAt + dictionaryBytes
  const contentSizeBytes = CONTENT_SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3] || (isSingleSegment ? 1 : 0)
  const end = contentSizeAt + contentSizeBytes
  if (end > bytes.length) throw new DamagedBytes('the Zstandard frame ends in its header')
  if ((descriptor & 0x08) !== 0) throw new DamagedBytes('a reserved bit of the Zstandard frame is set')
  if (bytes.subarray(dictionaryAt, contentSizeAt).some(byte => byte !== 0))
    throw new DamagedBytes('the Zstandard frame needs a dictionary')
  return {
    end,
    // A single segment's window is its content: the bound of the output stands in for it.
    windowBytes: isSingleSegment ? Number.MAX_SAFE_INTEGER : windowSize(bytes[windowAt]!),
    trailerBytes: (descriptor & 0x04) === 0 ? 0 : CHECKSUM_BYTES,
  }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

function readBlocks(bytes: Buffer, start: number): { end: number; outputBound: number } {
  let outputBound = 0
  for (let at = start; at + BLOCK_HEADER_BYTES <= bytes.length;) {
    const header = bytes.readUIntLE(at, BLOCK_HEADER_BYTES)
    const type = (header >> 1) & 3
    const size = header >> 3
    if (type === RESERVED || size > MAX_BLOCK_BYTES) throw new DamagedBytes('a Zstandard block is impossible')
    outputBound += type === RAW || type === RUN_LENGTH ? size : MAX_BLOCK_BYTES
    at += BLOCK_HEADER_BYTES + (type === RUN_LENGTH ? 1 : size)
    if (at > bytes.length) break
    if ((header & 1) === 1) return { end: at, outputBound }
  }
  throw new DamagedBytes('the last Zstandard block is missing or cut off')
}
