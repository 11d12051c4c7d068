import { ZSTDDecoder } from 'zstddec'
import { CodecUnavailable, DamagedBytes, OutputTooLarge, type Codec } from './codec.ts'
import { zstdOutputBound } from './zstd-bound.ts'

/**
 * Zstandard for Node versions whose zlib has none: the reference decoder, compiled to WebAssembly. It writes nothing
 * beyond the room it is given, and no bytes keep it busy for longer than their number and that room explain.
 * What the library around it leaves to its callers is done here: see decision 5.
 */

/** What the decoder needs beside its input and output: less than this. */
const WORKSPACE_BYTES = 1024 * 1024

const ONE_BYTE = Buffer.from('x')
/** A frame with that byte in it, as it is. */
const FRAME_OF_ONE_BYTE = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0x09, 0, 0, ...ONE_BYTE])

type Instantiate = (bytes: Uint8Array, imports: object) => unknown
interface GlobalWebAssembly {
  instantiate: Instantiate
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => object
}

/** Never throws: a process in which WebAssembly cannot be used reads everything but Zstandard. */
export function loadZstdInWasm(): Codec {
  const decoder = new ZSTDDecoder()
  try {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: GlobalWebAssembly }
    withGlobal(globalThis, 'fetch', undefined, () =>
      withGlobal(WebAssembly, 'instantiate', instantiatesAtOnce(WebAssembly), () => void decoder.init()),
    )
    return codecOf(decoder)
  } catch (error) {
    return unavailable(error)
  }
}

/**
 * The library waits for its WebAssembly to be compiled, and decoding waits for nothing: it is compiled at once, when
 * the first batch needs it. What comes of it is no promise, so that whoever goes on with it does so in the same turn.
 */
function instantiatesAtOnce({ Module, Instance }: GlobalWebAssembly): Instantiate {
  return (bytes, imports) => {
    const instance = new Instance(new Module(bytes), imports)
    return { then: (made: (result: { instance: object }) => void): void => made({ instance }) }
  }
}

/**
 * What nobody else can see, for the call is sync. Where there is a fetch, the library fetches itself from a data URL. That
 * loads Node's HTTP client, which ends the process if WebAssembly cannot be used; without a fetch, it takes the bytes that
 * it has.
 */
function withGlobal(owner: object, name: string, value: unknown, call: () => void): void {
  const present = Object.getOwnPropertyDescriptor(owner, name)
  if (present !== undefined) Object.defineProperty(owner, name, { value, configurable: true, writable: true })
  try {
    call()
  } finally {
    if (present !== undefined) Object.defineProperty(owner, name, present)
  }
}

function unavailable(cause: unknown): Codec {
  const decompress = (): never => {
    throw new CodecUnavailable('Zstandard needs WebAssembly in this version of Node', { cause })
  }
  return { name: 'zstd', decompress }
}

function codecOf(decoder: ZSTDDecoder): Codec {
  let reservedBytes = 0

  /**
   * The library does not look whether it got the memory that it asked for: without it, it would overwrite its own. Its
   * memory never shrinks, so it is enough to have had as much once.
   */
  const reserve = (bytes: number): void => {
    if (bytes <= reservedBytes) return
    if (!ONE_BYTE.equals(decoder.decode(FRAME_OF_ONE_BYTE, bytes)))
      throw new CodecUnavailable(`WebAssembly got no ${bytes} bytes of memory`)
    reservedBytes = bytes
  }

  const decompress = (bytes: Buffer, maxBytes: number): Buffer => {
    const bound = zstdOutputBound(bytes)
    const room = Math.max(1, Math.min(bound, maxBytes)) // 0 would mean to the library: as much as the data claims
    reserve(bytes.length + room + WORKSPACE_BYTES)
    const { buffer, byteOffset, length } = decoder.decode(bytes, room)
    if (length > 0) return Buffer.from(buffer, byteOffset, length)
    // So the library says that something was wrong, and not what. A batch is never empty: it has records.
    if (bound > maxBytes) throw new OutputTooLarge(maxBytes + 1)
    throw new DamagedBytes('the Zstandard data is damaged')
  }

  return { name: 'zstd', decompress }
}
