import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atEnd, type Owner } from './cleanup.ts'

/** A new directory that is removed when the test is over. */
export async function temporaryDirectory(owner: Owner): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kwg-test-'))
  atEnd(owner, () => rm(directory, { recursive: true, force: true }))
  return directory
}
