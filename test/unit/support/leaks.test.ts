import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { atEnd } from '../../support/cleanup.ts'

const LEAKS = new URL('../../support/leaks.js', import.meta.url).href

interface Outcome {
  readonly passed: boolean
  readonly output: string
}

/** Runs a test file with this body; the check ends it if a leak keeps it alive. */
async function runFile(t: TestContext, body: string): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'kwg-leaks-'))
  atEnd(t, () => rm(directory, { recursive: true }))
  const file = join(directory, 'leaking.mjs')
  const imports = `import { test } from 'node:test'\nimport { failOnLeaks } from '${LEAKS}'\nfailOnLeaks()\n`
  await writeFile(file, `${imports}test('body', async () => {\n${body}\n})\n`)
  const env = { ...process.env }
  delete env.NODE_TEST_CONTEXT // with it the file would report to the run that this test belongs to
  return new Promise(resolve => {
    const args = ['--test', '--test-reporter=tap', file]
    execFile(process.execPath, args, { env }, (error, output) => resolve({ passed: error === null, output }))
  })
}

const LEAKING = {
  thread: `const { Worker } = await import('node:worker_threads')
    new Worker('setInterval(() => {}, 1000)', { eval: true }).unref()`,
  Timeout: 'setInterval(() => {}, 1000)',
  TCPServerWrap: `const server = (await import('node:net')).createServer()
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))`,
  ProcessWrap: `(await import('node:child_process')).spawn('sleep', ['8'], { stdio: 'ignore' })`,
} as const

describe('failOnLeaks', { concurrency: true }, () => {
  for (const [kind, body] of Object.entries(LEAKING))
    it(`fails a file that leaves a ${kind} behind`, async t => {
      const { passed, output } = await runFile(t, body)
      assert.equal(passed, false)
      assert.match(output, new RegExp(`the tests left behind: ${kind}`))
    })

  it('passes a file that closes what it opened, also a little later', async t => {
    const { passed, output } = await runFile(
      t,
      `const server = (await import('node:net')).createServer().listen(0, '127.0.0.1')
       const { Worker } = await import('node:worker_threads')
       const worker = new Worker('setInterval(() => {}, 1000)', { eval: true })
       setTimeout(() => { server.close(); void worker.terminate() }, 100)`,
    )
    assert.ok(passed, output)
  })
})
