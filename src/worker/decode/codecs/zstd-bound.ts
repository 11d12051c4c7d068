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

const COMPRESSED = 2
const RUN_LENGTH = 1
const MAX_BLOCK_BYTES = 128 * 1024

/** The data decompresses to as many bytes or fewer. @throws DamagedBytes where the structure breaks */
export function zstdOutputBound(bytes: Buffer): number {
  let bound = 0
  for (let at = 0; at < bytes.length;) {
    if (at + DESCRIPTOR_AT + 4 > bytes.length) throw new DamagedBytes('the Zstandard data is cut off')
    const magic = bytes.readUInt32LE(at)
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + bytes.readUInt32LE(at + 4)
      continue
    }
    if (magic !== FRAME_MAGIC) throw new DamagedBytes('there is no Zstandard frame')
    const descriptor = bytes[at + DESCRIPTOR_AT]!
    const blocks = boundOfBlocks(bytes, at + headerBytes(descriptor))
    bound += blocks.bound
    at = blocks.end + ((descriptor & 0x04) === 0 ? 0 : CHECKSUM_BYTES)
  }
  return bound
}

function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryId = DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3]
  const contentSize = CONTENT_SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3] || (isSingleSegment ? 1 : 0)
  return DESCRIPTOR_AT + 1 + (isSingleSegment ? 0 : 1) + dictionaryId + contentSize
}

function boundOfBlocks(bytes: Buffer, start: number): { end: number; bound: number } {
  let bound = 0
  for (let at = start; at + BLOCK_HEADER_BYTES <= bytes.length;) {
    const header = bytes.readUIntLE(at, BLOCK_HEADER_BYTES)
    const type = (header >> 1) & 3
    const size = header >> 3
    bound += type === COMPRESSED ? MAX_BLOCK_BYTES : size
    at += BLOCK_HEADER_BYTES + (type === RUN_LENGTH ? 1 : size)
    if (at > bytes.length) break
    if ((header & 1) === 1) return { end: at, bound }
  }
  throw new DamagedBytes('the last Zstandard block is missing or cut off')
}
