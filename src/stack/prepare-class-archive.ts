import { rename, rm } from 'node:fs/promises'
import { resolveClasspath, STACK_ARTIFACTS } from './artifacts.ts'
import { classArchivePath } from './class-archive.ts'
import { exists } from './exists.ts'
import { findJava } from './java.ts'
import { startStack } from './start-stack.ts'

/**
 * Has Java write the archive of class-archive.ts unless it is there. Java does so when it exits in good order, which
 * takes some seconds: only worth it for who is about to start many stacks.
 */
export async function prepareClassArchive(onProgress: (text: string) => void): Promise<void> {
  const target = classArchivePath(await findJava(), await resolveClasspath(STACK_ARTIFACTS, onProgress))
  if (await exists(target)) return
  onProgress('preparing faster starts of Kafka, once per machine')
  const written = `${target}.${process.pid}`
  const stack = await startStack({ brokerJavaFlags: [`-XX:ArchiveClassesAtExit=${written}`], onProgress })
  try {
    const end = await stack.brokerProcess(0).stop()
    // A killed Java has written half of it, and one without this ability nothing.
    if (end === 'ended' && (await exists(written))) await rename(written, target)
  } finally {
    await stack.stop()
    await rm(written, { force: true })
  }
}
