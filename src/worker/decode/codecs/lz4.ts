import { decompressFrameSync } from 'lz4-napi'
import { OutputTooLarge, type Codec } from './codec.ts'
import { lz4OutputBytes } from './lz4-frame.ts'

export const lz4: Codec = {
  name: 'lz4',
  decompress: (bytes, maxBytes) => {
    // The library grows its output as long as the frame has blocks, so the size must be known before.
    const outputBytes = lz4OutputBytes(bytes, maxBytes)
    if (outputBytes > maxBytes) throw new OutputTooLarge(outputBytes)
    return decompressFrameSync(bytes)
  },
}
