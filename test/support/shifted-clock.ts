import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Owner } from './cleanup.ts'
import { temporaryDirectory } from './temporary.ts'

const PRELOAD = fileURLToPath(new URL('./shifted-clock-preload.js', import.meta.url))

/** The wall clock of processes that were started with its flags, on all of their threads: it can be set while they run, or stand still. */
export class ShiftedClock {
  readonly #file: string

  constructor(owner: Owner) {
    const directory = temporaryDirectory(owner)
    this.#file = join(directory, 'shift')
    this.shiftBy(0)
  }

  /** For `MemberProcess`. */
  get preload(): URL[] {
    const url = new URL(`file://${PRELOAD}`)
    url.searchParams.set('file', this.#file)
    return [url]
  }

  /** The clock now shows that much more than it should. Threads see it within `SHIFT_SEEN_MS`. */
  shiftBy(ms: number): void {
    writeFileSync(`${this.#file}.new`, String(ms))
    renameSync(`${this.#file}.new`, this.#file) // whoever reads it meanwhile sees the old one or the new one
  }
}

/** Within as long every thread sees a shift. */
export const SHIFT_SEEN_MS = 2
