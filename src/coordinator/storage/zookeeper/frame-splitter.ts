import { GroupError } from '../../../shared/errors.ts'

const LENGTH_BYTES = 4

/** Far above what a server sends (its own limit for a request is 1 MiB), far below what a damaged length says. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024

/**
 * Cuts the byte stream of one connection into whole frames (length prefix included). The client library does this
 * too, but keeps a half-received frame over a reconnect and copies what is left for every frame of a burst.
 */
export class FrameSplitter {
  #chunks: Buffer[] = []
  #bytes = 0

  /** Forgets a half-received frame: the connection it belonged to is gone. */
  reset(): void {
    this.#chunks = []
    this.#bytes = 0
  }

  /** Frames completed by this chunk. Throws on a length that no server sends. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const frames: Buffer[] = []
    for (let size = this.#nextFrameBytes(); size <= this.#bytes; size = this.#nextFrameBytes())
      frames.push(this.#take(size))
    return frames
  }

  #nextFrameBytes(): number {
    if (this.#bytes < LENGTH_BYTES) return Number.POSITIVE_INFINITY
    if (this.#chunks[0]!.length < LENGTH_BYTES) this.#join()
    const length = this.#chunks[0]!.readInt32BE(0)
    if (length < 0 || length > MAX_FRAME_BYTES)
      throw new GroupError(
        'ZOOKEEPER_REFUSED',
        `a frame of ${length} bytes was announced; this is no ZooKeeper answer`,
      )
    return LENGTH_BYTES + length
  }

  #take(size: number): Buffer {
    if (this.#chunks[0]!.length < size) this.#join()
    const whole = this.#chunks[0]!
    if (whole.length === size) this.#chunks.shift()
    else this.#chunks[0] = whole.subarray(size)
    this.#bytes -= size
    return whole.subarray(0, size)
  }

  #join(): void {
    this.#chunks = [Buffer.concat(this.#chunks)]
  }
}
