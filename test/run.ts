// npm test [-- <part of a file's path> … --test-name-pattern <text>]: unit tests, then the integration tests against one
// shared stack, and one summary of both. Nothing is left running, however this ends: see src/stack/supervisor.ts.
import { readdir, readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { prepareClassArchive } from '#src/stack/prepare-class-archive.js'
import { startStack, type RunningStack } from '#src/stack/start-stack.js'
import { inTurn, type TestEvent } from './support/test-streams.ts'
import { stackEnvironment } from './support/stack.ts'

const SOURCES = fileURLToPath(new URL('../../test', import.meta.url))
const COMPILED = fileURLToPath(new URL('.', import.meta.url))
const FILE_DEADLINE_MS = 10 * 60_000
const FILES_AT_A_TIME = 2
/** The first line of a test that would fail beside another one. */
const ALONE = '// Has the machine to itself'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'test-name-pattern': { type: 'string', multiple: true } },
})
const interrupted = new AbortController()

/** Compiled files of the sources that are there now; compiled ones of deleted sources are left alone. */
async function testFiles(folder: string): Promise<string[]> {
  const paths = await readdir(join(SOURCES, folder), { recursive: true })
  return paths
    .filter(path => path.endsWith('.test.ts'))
    .map(path => join(folder, path))
    .filter(path => positionals.length === 0 || positionals.some(part => path.includes(part)))
    .sort()
}

const compiled = (path: string): string => join(COMPILED, path.replace(/\.ts$/, '.js'))

function runFiles(files: string[], concurrency: number): AsyncIterable<TestEvent> {
  return run({
    files: files.map(compiled),
    concurrency,
    timeout: FILE_DEADLINE_MS,
    signal: interrupted.signal,
    testNamePatterns: values['test-name-pattern'],
  })
}

async function isAlone(path: string): Promise<boolean> {
  return (await readFile(join(SOURCES, path), 'utf8')).startsWith(ALONE)
}

/** Files that measure time come first and have the machine to themselves; the others, which mostly wait for servers, share it. */
async function integrationRuns(
  files: readonly string[],
  stack: Promise<RunningStack>,
): Promise<(() => Promise<AsyncIterable<TestEvent>>)[]> {
  const areAlone = await Promise.all(files.map(isAlone))
  const alone = files.filter((_, at) => areAlone[at])
  const shared = files.filter((_, at) => !areAlone[at])
  return [
    async () => {
      Object.assign(process.env, stackEnvironment(await stack))
      return runFiles(alone, 1)
    },
    async () => runFiles(shared, FILES_AT_A_TIME),
  ]
}

/** Integration tests start many stacks beside this one, so the archive is worth its seconds. */
async function sharedStackForRun(): Promise<RunningStack> {
  const onProgress = (text: string): void => console.log(text)
  await prepareClassArchive(onProgress)
  return startStack({ onProgress })
}

async function runAll(): Promise<void> {
  const unit = await testFiles('unit')
  const integration = await testFiles('integration')
  if (unit.length + integration.length === 0)
    throw new Error(`no test file matches ${positionals.join(', ')}`)
  const stack = integration.length > 0 ? sharedStackForRun() : undefined
  stack?.catch(() => {}) // awaited below; until then the unit tests run
  const runs = [async () => runFiles(unit, availableParallelism())]
  if (stack !== undefined) runs.push(...(await integrationRuns(integration, stack)))
  try {
    await pipeline(Readable.from(inTurn(runs, onEvent)), new spec(), process.stdout, { end: false })
  } finally {
    await (await stack)?.stop()
  }
}

function onEvent({ type, data }: TestEvent): void {
  if (type === 'test:fail' && data.todo === undefined) process.exitCode = 1
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    process.exitCode = 1
    interrupted.abort()
  })
try {
  await runAll()
} catch (error) {
  process.exitCode = 1
  console.error(error instanceof Error ? error.message : error)
}
