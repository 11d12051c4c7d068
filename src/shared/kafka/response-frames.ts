import { GroupError } from '../errors.ts'

/** Every answer: int32 size, then as many bytes, the first four of which are the correlation id. */
const SIZE_BYTES = 4
const CORRELATION_ID_BYTES = 4

/**
 * A fetch answer is bounded by what the request allowed plus one batch, so anything above this is not Kafka: an HTTP
 * answer and a TLS alert both read as a larger size.
 */
const MAX_FRAME_BYTES = 320 * 1024 * 1024

/**
 * Cuts the byte stream of one socket into answers. An answer that came in one chunk is a view of it; a larger one is
 * filled in place, in a buffer of its own and of exactly its size, so that a record that is kept pins no neighbour.
 */
export class ResponseFrames {
  readonly #onFrame: (frame: Buffer) => void
  readonly #size = Buffer.alloc(SIZE_BYTES)
  #sizeBytes = 0
  #frame: Buffer | null = null
  #frameBytes = 0

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  /** Throws RESPONSE_CORRUPT at a size that no answer has; the stream is useless from there on. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      at = this.#frame === null ? this.#start(chunk, at) : this.#fill(this.#frame, chunk, at)
    }
  }

  /** Reads the size, or as much of it as is there; takes the frame at once if the chunk holds all of it. */
  #start(chunk: Buffer, from: number): number {
    const at = from + chunk.copy(this.#size, this.#sizeBytes, from)
    this.#sizeBytes += at - from
    if (this.#sizeBytes < SIZE_BYTES) return at
    this.#sizeBytes = 0
    const bytes = checkedSize(this.#size.readInt32BE(0))
    if (chunk.length - at >= bytes) {
      this.#onFrame(chunk.subarray(at, at + bytes))
      return at + bytes
    }
    this.#frame = Buffer.allocUnsafeSlow(bytes) // not the shared pool: it would pin other buffers; not zeroed: all is overwritten
    this.#frameBytes = 0
    return at
  }

  #fill(frame: Buffer, chunk: Buffer, from: number): number {
    const copied = chunk.copy(frame, this.#frameBytes, from)
    this.#frameBytes += copied
    if (this.#frameBytes === frame.length) {
      this.#frame = null
      this.#onFrame(frame)
    }
    return from + copied
  }
}

function checkedSize(bytes: number): number {
  if (bytes >= CORRELATION_ID_BYTES && bytes <= MAX_FRAME_BYTES) return bytes
  throw new GroupError(
    'RESPONSE_CORRUPT',
    `the peer announced an answer of ${bytes} bytes: it is not a Kafka broker, or it expects TLS`,
    { details: { bytes } },
  )
}
