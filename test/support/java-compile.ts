import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory } from '#src/stack/artifacts.js'
import { exists } from '#src/stack/exists.js'
import { runTool } from '#src/stack/run-tool.js'

const SOURCES = fileURLToPath(new URL('../../../test/support/java', import.meta.url))

const compiling = new Map<string, Promise<string>>()

/** Directory with the compiled programs of `sources`; compiled once per version of them. */
export function compiledJava(classpath: string, sources = SOURCES): Promise<string> {
  const known = compiling.get(sources)
  if (known !== undefined) return known
  const compiled = compileIfMissing(classpath, sources)
  compiling.set(sources, compiled)
  return compiled
}

async function compileIfMissing(classpath: string, sources: string): Promise<string> {
  const names = (await readdir(sources)).filter(name => name.endsWith('.java')).sort()
  const files = names.map(name => join(sources, name))
  const hash = createHash('sha256').update(classpath)
  for (const file of files) hash.update(await readFile(file))
  const target = join(cacheDirectory(), `test-java-${hash.digest('hex').slice(0, 16)}`)
  if (!(await exists(target))) await compile(files, classpath, target)
  return target
}

async function compile(files: readonly string[], classpath: string, target: string): Promise<void> {
  await mkdir(cacheDirectory(), { recursive: true })
  const directory = await mkdtemp(`${target}.`)
  const { found, exitCode, output } = await runTool('javac', ['-cp', classpath, '-d', directory, ...files])
  try {
    if (!found) throw new Error('javac was not found on the PATH: these tests need a JDK, not only a JRE')
    if (exitCode !== 0) throw new Error(`javac failed:\n${output}`)
    await rename(directory, target)
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    if (!(await exists(target))) throw error // else another process was faster, and its result is the same
  }
}
