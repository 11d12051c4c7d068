import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool } from './run-tool.ts'
import { stackError } from './stack-error.ts'

/** A Maven project that does nothing but name what is to be on a Java class path. */
export interface JavaArtifacts {
  /** Path of its pom.xml. */
  readonly pom: string
  /** For messages, as in "fetching …". */
  readonly name: string
  readonly megabytes: number
}

/** The servers of the development stack. */
export const STACK_ARTIFACTS: JavaArtifacts = {
  pom: fileURLToPath(new URL('../../stack/pom.xml', import.meta.url)),
  name: 'Kafka and ZooKeeper',
  megabytes: 60,
}

/** Where this package keeps what it can make again: XDG_CACHE_HOME, else .cache in the home directory. */
export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'kafka-worker-group')
}

/**
 * The Java class path of these artifacts. Maven is asked once per version of their pom, first without the network, then
 * with it (`onProgress` says so). STACK_FAILED when Maven is missing or cannot fetch. Rejects when the signal aborts,
 * having ended Maven.
 */
export async function resolveClasspath(
  artifacts: JavaArtifacts,
  onProgress: (text: string) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<string> {
  const pom = await readFile(artifacts.pom)
  const key = createHash('sha256').update(pom).digest('hex').slice(0, 16)
  const cached = join(cacheDirectory(), `classpath-${key}`)
  return (await readComplete(cached)) ?? (await askMaven(artifacts, cached, onProgress, signal))
}

/** The cached class path, unless one of its files has gone since. */
async function readComplete(path: string): Promise<string | undefined> {
  try {
    const classpath = (await readFile(path, 'utf8')).trim()
    await Promise.all(classpath.split(delimiter).map(jar => access(jar)))
    return classpath === '' ? undefined : classpath
  } catch {
    return undefined // not cached, or a jar is gone: Maven is asked, which reports whatever is really wrong
  }
}

async function askMaven(
  { pom, name, megabytes }: JavaArtifacts,
  target: string,
  onProgress: (text: string) => void,
  signal: AbortSignal,
): Promise<string> {
  await mkdir(cacheDirectory(), { recursive: true })
  const output = `${target}.${process.pid}`
  try {
    const offline = await buildClasspath(pom, output, true, signal)
    if (offline !== undefined) {
      onProgress(`fetching ${name} with Maven (about ${megabytes} MB, once per machine)`)
      const online = await buildClasspath(pom, output, false, signal)
      if (online !== undefined)
        throw stackError(`Maven could not fetch ${name}: check its access to the network`, {
          pom,
          output: online,
        })
    }
    await rename(output, target) // another process may have done the same: both wrote the same text
    return (await readFile(target, 'utf8')).trim()
  } finally {
    await rm(output, { force: true })
  }
}

/** Maven's output when it failed. */
async function buildClasspath(
  pom: string,
  outputFile: string,
  offline: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const flags = offline ? ['-o'] : []
  const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${outputFile}`]
  const { found, exitCode, output } = await runTool('mvn', [...flags, '-q', '-B', '-f', pom, ...goal], {
    signal,
  })
  signal.throwIfAborted() // what it says was our doing
  if (!found)
    throw stackError(
      'the development stack is fetched with Maven, and mvn was not found on the PATH: install Maven 3',
      {
        pom,
      },
    )
  return exitCode === 0 ? undefined : output
}
