/**
 * One compression format. Sync on purpose: a worker thread has nothing better to do, and an await per batch would
 * cost more than it frees.
 */
export interface Codec {
  readonly name: string
  /**
   * Never allocates much more than `maxBytes`, whatever the bytes claim.
   * @throws OutputTooLarge if the result would be larger; CodecUnavailable; anything else means the bytes are damaged
   */
  decompress(bytes: Buffer, maxBytes: number): Buffer
}

/** The decompressed bytes would be more than was allowed. `bytes` is what is known of the size: at least that much. */
export class OutputTooLarge extends Error {
  override readonly name = 'OutputTooLarge'
  readonly bytes: number

  constructor(bytes: number) {
    super(`decompresses to at least ${bytes} bytes`)
    this.bytes = bytes
  }
}

/** Damage that we notice before or beside the library. */
export class DamagedBytes extends Error {
  override readonly name = 'DamagedBytes'
}

/** This process cannot use the codec at all; the bytes may be good. */
export class CodecUnavailable extends Error {
  override readonly name = 'CodecUnavailable'
}
