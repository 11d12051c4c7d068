import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from './cleanup.ts'
import { temporaryDirectory } from './temporary.ts'

/** One start or end of a record, as the handler of `test/fixtures/handlers/deadly.js` wrote it. */
export interface DeadlyEntry {
  readonly what: string
  readonly partition: number
  readonly offset: number
  readonly attempt: number
  readonly threadId: number
}

export interface DeadlyHandlerParameters {
  /** What `setup` does once `breakSetup` was called. */
  readonly inSetup?: string
  /** `<claimed|released>:<what>:<partition or *>:<first>:<last>`: what those calls of a hook do, counted from 1. */
  readonly inHook?: string
  /** It gets batches, and does with their records one after the other what they say. */
  readonly isForBatches?: boolean
}

const FIXTURES = new URL('../../../test/fixtures/handlers/', import.meta.url)

/** A handler that does to its thread what its records say, and what it wrote about that. */
export class DeadlyHandler {
  readonly #file: string
  readonly #url: URL

  constructor(owner: Owner, parameters: DeadlyHandlerParameters = {}) {
    const { isForBatches = false, inSetup, inHook } = parameters
    this.#file = join(temporaryDirectory(owner), 'deadly.txt')
    appendFileSync(this.#file, '')
    this.#url = new URL(isForBatches ? 'deadly-batches.js' : 'deadly.js', FIXTURES)
    this.#url.searchParams.set('file', this.#file)
    if (inSetup !== undefined) this.#url.searchParams.set('inSetup', inSetup)
    if (inHook !== undefined) this.#url.searchParams.set('inHook', inHook)
  }

  get url(): URL {
    return this.#url
  }

  /** From now on `setup` does what the handler was made with. */
  breakSetup(): void {
    writeFileSync(`${this.#file}.broken`, '')
  }

  /** Handlers that wait to be told go on. */
  tell(): void {
    writeFileSync(`${this.#file}.told`, '')
  }

  read(): DeadlyEntry[] {
    if (!existsSync(this.#file)) return []
    return readFileSync(this.#file, 'utf8').split('\n').slice(0, -1).map(parse)
  }

  /** How often each record was started, by `partition/offset`. */
  starts(): Record<string, number> {
    return this.#count('start')
  }

  /** How often each record was finished. */
  ends(): Record<string, number> {
    return this.#count('end')
  }

  get ended(): number {
    return this.read().filter(entry => entry.what === 'end').length
  }

  #count(what: string): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const entry of this.read()) {
      if (entry.what !== what) continue
      const name = `${entry.partition}/${entry.offset}`
      counts[name] = (counts[name] ?? 0) + 1
    }
    return counts
  }
}

function parse(line: string): DeadlyEntry {
  const [what, partition, offset, attempt, threadId] = line.split(' ')
  return {
    what: what!,
    partition: Number(partition),
    offset: Number(offset),
    attempt: Number(attempt),
    threadId: Number(threadId),
  }
}
