import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from './cleanup.ts'
import { eventually } from './eventually.ts'
import { temporaryDirectory } from './temporary.ts'

const HANDLER = new URL('../../../test/fixtures/handlers/native-call.js', import.meta.url)
const START_DEADLINE_MS = 20_000

/** A native call that some handler of a test is to make, seen from outside of its thread. */
export class NativeCall {
  readonly #directory: string
  readonly #seconds: number

  constructor(owner: Owner, seconds: number) {
    this.#seconds = seconds
    const directory = temporaryDirectory(owner)
    this.#directory = directory
  }

  /** The module that makes the call for each record, or once in `setup` of one thread. */
  handler(inSetupOfThread?: number): URL {
    const url = new URL(HANDLER)
    url.searchParams.set('directory', this.#directory)
    url.searchParams.set('seconds', String(this.#seconds))
    if (inSetupOfThread !== undefined) url.searchParams.set('inSetup', String(inSetupOfThread))
    return url
  }

  async begun(): Promise<void> {
    await eventually(() => existsSync(join(this.#directory, 'begun')), { deadlineMs: START_DEADLINE_MS })
  }

  get hasEnded(): boolean {
    return existsSync(join(this.#directory, 'ended'))
  }
}
