import { createContext, Script } from 'node:vm'
import { Decompress } from 'fzstd'
import { DamagedBytes, OutputTooLarge, type Codec } from './codec.ts'
import { zstdFrames, type ZstdFrame } from './zstd-frame.ts'

/**
 * Zstandard for Node versions whose zlib has none. Two things of the library need a guard:
 *
 * - It allocates the window that a frame header claims, and Java claims 2 MiB and more for the smallest batch. No block
 *   can refer further back than there is output, so each frame gets a header with the smallest window that will do.
 * - It does not bound what the sequences of a block add up to: a damaged block of a dozen bytes keeps it busy for
 *   minutes. V8's own watchdog ends that.
 */
const TIME_LIMIT_MS = 10_000

const context = createContext({ task: undefined as (() => Buffer) | undefined })
const runTask = new Script('task()')

export const zstdInJavaScript = zstdWithin(TIME_LIMIT_MS)

export function zstdWithin(timeLimitMs: number): Codec {
  return {
    name: 'zstd',
    decompress: (bytes, maxBytes) => withTimeLimit(timeLimitMs, () => decompressFrames(bytes, maxBytes)),
  }
}

function withTimeLimit(timeLimitMs: number, task: () => Buffer): Buffer {
  context.task = task
  try {
    return runTask.runInContext(context, { timeout: timeLimitMs }) as Buffer
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    throw new DamagedBytes('the Zstandard data keeps the decoder busy without end', { cause: error })
  } finally {
    context.task = undefined
  }
}

function decompressFrames(bytes: Buffer, maxBytes: number): Buffer {
  const chunks: Uint8Array[] = []
  let total = 0
  const take = (chunk: Uint8Array): void => {
    total += chunk.length
    if (total > maxBytes) throw new OutputTooLarge(total)
    chunks.push(chunk)
  }
  for (const frame of zstdFrames(bytes)) {
    new Decompress(take).push(Buffer.concat([smallestHeader(frame), frame.blocks]), true)
  }
  return Buffer.concat(chunks)
}

/** A frame header without content size and checksum, which the library does not check anyway. */
function smallestHeader({ windowBytes, outputBound }: ZstdFrame): Buffer {
  const needed = Math.min(windowBytes, outputBound)
  const exponent = Math.max(0, Math.ceil(Math.log2(needed)) - 10)
  return Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3])
}
