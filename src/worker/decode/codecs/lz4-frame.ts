import { DamagedBytes } from './codec.ts'

/**
 * The LZ4 frame format, as far as it is needed to know how large a frame decompresses without decompressing it.
 * Source: lz4_Frame_format.md and lz4_Block_format.md of the LZ4 project.
 */
const MAGIC = 0x184d2204
const FLAGS_AT = 4
const BLOCK_DESCRIPTOR_AT = 5
const FIXED_HEADER_BYTES = 6
const CONTENT_SIZE_BYTES = 8
const DICTIONARY_ID_BYTES = 4
const BLOCK_CHECKSUM_BYTES = 4

const FLAG_DICTIONARY_ID = 0x01
const FLAG_CONTENT_SIZE = 0x08
const FLAG_BLOCK_CHECKSUM = 0x10
const STORED_BLOCK = 0x80000000

const MIN_MATCH_BYTES = 4
/** A byte of a block's length fields stands for at most this many bytes of output. */
const MAX_RATIO = 255

/** Where the header's checksum is; it covers everything between the magic and itself. */
export function headerChecksumAt(frame: Buffer): number {
  if (frame.length < FIXED_HEADER_BYTES + 1 || frame.readUInt32LE(0) !== MAGIC)
    throw new DamagedBytes('there is no LZ4 frame')
  const flags = frame[FLAGS_AT]!
  const at =
    FIXED_HEADER_BYTES +
    ((flags & FLAG_CONTENT_SIZE) === 0 ? 0 : CONTENT_SIZE_BYTES) +
    ((flags & FLAG_DICTIONARY_ID) === 0 ? 0 : DICTIONARY_ID_BYTES)
  if (at >= frame.length) throw new DamagedBytes('the LZ4 frame ends in its header')
  return at
}

/** How large the frame decompresses: an upper bound while that is at most `enough`, else the exact size. */
export function lz4OutputBytes(frame: Buffer, enough: number): number {
  const bound = sumOfBlocks(frame, (start, end, maxBlockBytes) =>
    Math.min(maxBlockBytes, (end - start) * MAX_RATIO),
  )
  return bound <= enough ? bound : sumOfBlocks(frame, (start, end) => blockOutputBytes(frame, start, end))
}

type Measure = (start: number, end: number, maxBlockBytes: number) => number

function sumOfBlocks(frame: Buffer, measure: Measure): number {
  const maxBlockBytes = 4 ** (((frame[BLOCK_DESCRIPTOR_AT]! >> 4) & 7) + 4)
  let total = 0
  let at = headerChecksumAt(frame) + 1
  const trailer = (frame[FLAGS_AT]! & FLAG_BLOCK_CHECKSUM) === 0 ? 0 : BLOCK_CHECKSUM_BYTES
  for (;;) {
    if (at + 4 > frame.length) throw new DamagedBytes('the LZ4 frame has no end')
    const size = frame.readUInt32LE(at)
    if (size === 0) return total
    const start = at + 4
    const end = start + (size % STORED_BLOCK)
    if (end + trailer > frame.length) throw new DamagedBytes('an LZ4 block is cut off')
    total += size >= STORED_BLOCK ? end - start : measure(start, end, maxBlockBytes)
    at = end + trailer
  }
}

/** Adds up the literals and matches of a block, without copying any. */
function blockOutputBytes(frame: Buffer, start: number, end: number): number {
  let total = 0
  let at = start
  const extended = (length: number): number => {
    if (length < 15) return length
    let byte
    do {
      byte = at < end ? frame[at++]! : 0
      length += byte
    } while (byte === 255)
    return length
  }
  while (at < end) {
    const token = frame[at++]!
    const literals = extended(token >> 4)
    at += literals
    total += literals
    if (at >= end) break // the last sequence of a block has literals only
    at += 2 // where the match is
    total += extended(token & 15) + MIN_MATCH_BYTES
  }
  return total
}
