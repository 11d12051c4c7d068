import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atEnd, type Owner } from './cleanup.ts'

/** A new directory that is removed when the test is over. */
export function temporaryDirectory(owner: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), 'kwg-test-'))
  atEnd(owner, () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
