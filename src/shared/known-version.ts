import { GroupError } from './errors.ts'

/** The guards of a library were written against one release, line by line: another one needs them checked again. */
export function assertKnownVersion(library: string, installed: string, known: string): void {
  if (installed === known) return
  throw new GroupError(
    'INTERNAL',
    `${library} ${installed} is installed, but its internals are known for ${known} only: install exactly that version`,
    { details: { library, installed, known } },
  )
}
