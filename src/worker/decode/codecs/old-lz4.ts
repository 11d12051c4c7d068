import type { Codec } from './codec.ts'
import { headerChecksumAt } from './lz4-frame.ts'
import { lz4 } from './lz4.ts'
import { xxHash32 } from './xxhash32.ts'

const MAGIC_BYTES = 4

/**
 * LZ4 as Kafka's message format 0 has it: the checksum of the frame header also covers the magic bytes, against the
 * format (KAFKA-3160), so libraries refuse the frame. Kafka's own reader ignores it; we put the right one in a copy.
 */
export const oldLz4: Codec = {
  name: 'lz4',
  decompress: (bytes, maxBytes) => {
    const frame = Buffer.from(bytes)
    const at = headerChecksumAt(frame)
    frame[at] = (xxHash32(frame.subarray(MAGIC_BYTES, at)) >>> 8) & 0xff
    return lz4.decompress(frame, maxBytes)
  },
}
