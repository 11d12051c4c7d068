import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool } from './run-tool.ts'
import { stackError } from './stack-error.ts'

const POM = fileURLToPath(new URL('../../stack/pom.xml', import.meta.url))

/** Where this package keeps what it can make again: XDG_CACHE_HOME, else .cache in the home directory. */
export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'kafka-worker-group')
}

/**
 * The Java class path of the servers in stack/pom.xml. Maven is asked once per version of that file, first without
 * the network, then with it (`onProgress` says so). STACK_FAILED when Maven is missing or cannot fetch. Rejects when the
 * signal aborts, having ended Maven.
 */
export async function resolveClasspath(
  onProgress: (text: string) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<string> {
  const pom = await readFile(POM)
  const key = createHash('sha256').update(pom).digest('hex').slice(0, 16)
  const cached = join(cacheDirectory(), `classpath-${key}`)
  return (await readComplete(cached)) ?? (await askMaven(cached, onProgress, signal))
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
  target: string,
  onProgress: (text: string) => void,
  signal: AbortSignal,
): Promise<string> {
  await mkdir(cacheDirectory(), { recursive: true })
  const output = `${target}.${process.pid}`
  try {
    const offline = await buildClasspath(output, true, signal)
    if (offline !== undefined) {
      onProgress('fetching Kafka and ZooKeeper with Maven (about 60 MB, once per machine)')
      const online = await buildClasspath(output, false, signal)
      if (online !== undefined)
        throw stackError('Maven could not fetch Kafka and ZooKeeper: check its access to the network', {
          pom: POM,
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
  outputFile: string,
  offline: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  const flags = offline ? ['-o'] : []
  const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${outputFile}`]
  const { found, exitCode, output } = await runTool('mvn', [...flags, '-q', '-B', '-f', POM, ...goal], {
    signal,
  })
  signal.throwIfAborted() // what it says was our doing
  if (!found)
    throw stackError(
      'the development stack is fetched with Maven, and mvn was not found on the PATH: install Maven 3',
      {
        pom: POM,
      },
    )
  return exitCode === 0 ? undefined : output
}
