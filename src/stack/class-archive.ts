import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { cacheDirectory } from './artifacts.ts'
import type { Java } from './java.ts'

/**
 * Java can keep what it makes of the classes it loads ("dynamic application class-data sharing", JEP 350), and a broker
 * that starts from such an archive needs half the time. Any stack uses one that prepare-class-archive.ts has left.
 */
export function classArchivePath(java: Java, classpath: string): string {
  const key = createHash('sha256').update(java.build).update(classpath).digest('hex').slice(0, 16)
  return join(cacheDirectory(), `classes-${key}.jsa`)
}
