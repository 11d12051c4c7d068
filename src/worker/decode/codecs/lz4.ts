import type * as Lz4 from 'lz4-napi'
import { OutputTooLarge, type Codec } from './codec.ts'
import { loadedOnce } from '../../../shared/loaded-once.ts'
import { lz4OutputBytes } from './lz4-frame.ts'

const library = loadedOnce('lz4-napi') as () => typeof Lz4

export const lz4: Codec = {
  name: 'lz4',
  decompress: (bytes, maxBytes) => {
    // The library grows its output as long as the frame has blocks, so the size must be known before.
    const outputBytes = lz4OutputBytes(bytes, maxBytes)
    if (outputBytes > maxBytes) throw new OutputTooLarge(outputBytes)
    return library().decompressFrameSync(bytes)
  },
}
