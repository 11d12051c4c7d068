import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from './cleanup.ts'
import { temporaryDirectory } from './temporary.ts'

/** One start of the handler `test/fixtures/handlers/failing.js`. */
export interface Attempt {
  readonly partition: number
  readonly offset: number
  readonly attempt: number
  readonly epoch: bigint
  readonly threadId: number
  readonly kind: string
}

const HANDLER = new URL('../../../test/fixtures/handlers/failing.js', import.meta.url)

/** A file that handlers of any number of threads and processes append to; gone with the test. */
export class Attempts {
  readonly #file: string

  constructor(t: Owner) {
    this.#file = join(temporaryDirectory(t), 'attempts.txt')
  }

  /** URL of the handler module that writes here. `fixed`: whatever failed before succeeds. */
  handler({ burnMs = 0, fixed = false } = {}): URL {
    const url = new URL(HANDLER)
    url.searchParams.set('file', this.#file)
    url.searchParams.set('burnMs', String(burnMs))
    if (fixed) url.searchParams.set('fixed', '')
    return url
  }

  /** In the order in which they started. */
  read(): Attempt[] {
    if (!existsSync(this.#file)) return []
    return readFileSync(this.#file, 'utf8').split('\n').slice(0, -1).map(parseLine)
  }

  /** Those of one record, by their number. */
  of(partition: number, offset: number): number[] {
    return this.read()
      .filter(one => one.partition === partition && one.offset === offset)
      .map(one => one.attempt)
  }
}

/** The attempts of each record, by `<partition>/<offset>`. */
export function byRecord(attempts: readonly Attempt[]): Map<string, Attempt[]> {
  const found = new Map<string, Attempt[]>()
  for (const attempt of attempts) {
    const name = `${attempt.partition}/${attempt.offset}`
    const known = found.get(name)
    if (known === undefined) found.set(name, [attempt])
    else known.push(attempt)
  }
  return found
}

/** The first attempt that began at a lower offset than an earlier one of its partition, or null. */
export function firstOutOfOrder(attempts: readonly Attempt[]): string | null {
  const last = new Map<number, number>()
  for (const { partition, offset } of attempts) {
    const before = last.get(partition) ?? -1
    if (offset < before) return `partition ${partition}: ${offset} after ${before}`
    last.set(partition, offset)
  }
  return null
}

function parseLine(line: string): Attempt {
  const [partition, offset, attempt, epoch, threadId, kind] = line.split(' ')
  return {
    partition: Number(partition),
    offset: Number(offset),
    attempt: Number(attempt),
    epoch: BigInt(epoch!),
    threadId: Number(threadId),
    kind: kind!,
  }
}
