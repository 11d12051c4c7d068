import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from './cleanup.ts'
import { temporaryDirectory } from './temporary.ts'

/** What the handler module `test/fixtures/handlers/chronicle.js` wrote. */
export interface ChronicleEvent {
  readonly event: 'setup' | 'claimed' | 'start' | 'end' | 'released' | 'teardown'
  /** Milliseconds since 1970, with fraction. */
  readonly atMs: number
  readonly threadId: number
  readonly partition: number
  readonly offset: number
  readonly epoch: number
  readonly attempt: number
  readonly value: string
  readonly reason: string
  readonly aborted: boolean
}

const HANDLER = new URL('../../../test/fixtures/handlers/chronicle.js', import.meta.url)

/** A file that the handlers of all threads of a test append to; gone with the test. */
export class Chronicle {
  readonly #file: string

  constructor(owner: Owner) {
    const directory = temporaryDirectory(owner)
    this.#file = join(directory, 'events.jsonl')
  }

  /** The module that writes here; the fixture names its parameters. */
  handler(parameters: Readonly<Record<string, string | number>> = {}): URL {
    const url = new URL(HANDLER)
    url.searchParams.set('file', this.#file)
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, String(value))
    return url
  }

  /** All whole lines, in the order they were written. */
  read(event?: ChronicleEvent['event']): ChronicleEvent[] {
    if (!existsSync(this.#file)) return []
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)
    const events = lines.map(line => JSON.parse(line) as ChronicleEvent)
    return event === undefined ? events : events.filter(one => one.event === event)
  }

  /** Offsets whose handler started, of one partition, in order. */
  started(partition: number): number[] {
    return this.read('start')
      .filter(one => one.partition === partition)
      .map(one => one.offset)
  }
}
