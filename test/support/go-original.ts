import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectory } from '#src/stack/artifacts.js'
import { exists } from '#src/stack/exists.js'
import { runTool } from '#src/stack/run-tool.js'
import type { Owner } from './cleanup.ts'
import { PeerProcess } from './peer-process.ts'
import { inRepository } from './repository.ts'
import { sharedStack } from './stack.ts'

/** The program test/support/go, or why it cannot be had here: Go is not needed for anything else. */
export type GoOriginal = { readonly program: string } | { readonly missing: string }

export interface GoOriginalOptions {
  readonly groupId: string
  readonly topic: string
  readonly memberId: string
  readonly sessionMs: number
}

const SOURCES = inRepository('test/support/go')
/** Builds the Go original's member once per version of its sources. */
export async function buildGoOriginal(): Promise<GoOriginal> {
  const target = join(cacheDirectory(), `test-go-${await hashOfSources()}`)
  if (await exists(target)) return { program: target }
  const modules = await runTool('go', ['mod', 'download'], { cwd: SOURCES })
  if (!modules.found) return { missing: 'the Go toolchain is not on the PATH' }
  if (modules.exitCode !== 0)
    return { missing: `Go could not fetch the modules of the original: ${modules.output}` }
  await build(target)
  return { program: target }
}

async function build(target: string): Promise<void> {
  await mkdir(cacheDirectory(), { recursive: true })
  const built = `${target}.${process.pid}`
  try {
    const { exitCode, output } = await runTool('go', ['build', '-o', built, '.'], { cwd: SOURCES })
    if (exitCode !== 0) throw new Error(`go build failed:\n${output}`)
    await rename(built, target)
  } finally {
    await rm(built, { force: true })
  }
}

/** A real member of go-consumergroup. */
export function startGoOriginal(
  owner: Owner,
  program: string,
  { groupId, topic, memberId, sessionMs }: GoOriginalOptions,
): PeerProcess {
  return new PeerProcess(owner, program, [
    ...['-zookeeper', sharedStack().zookeeper],
    ...['-group', groupId],
    ...['-topic', topic],
    ...['-id', memberId],
    ...['-session', `${sessionMs}ms`],
  ])
}

async function hashOfSources(): Promise<string> {
  const names = (await readdir(SOURCES, { recursive: true }))
    .filter(name => /\.(go|mod|sum)$/.test(name))
    .sort()
  const hash = createHash('sha256')
  for (const name of names) hash.update(name).update(await readFile(join(SOURCES, name)))
  return hash.digest('hex').slice(0, 16)
}
