import { OutputTooLarge } from './codec.ts'

/** Runs a call of node:zlib whose maxOutputLength is `maxBytes`, telling its "too large" from its "damaged". */
export function withOutputLimit(maxBytes: number, decompress: () => Buffer): Buffer {
  try {
    return decompress()
  } catch (error) {
    if (error instanceof RangeError && (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new OutputTooLarge(maxBytes + 1)
    throw error
  }
}
