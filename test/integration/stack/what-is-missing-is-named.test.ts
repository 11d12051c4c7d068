import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { exists } from '#src/stack/exists.js'
import { processIdentity } from '#src/stack/process-identity.js'
import { runTool } from '#src/stack/run-tool.js'
import { atEnd } from '../../support/cleanup.ts'
import { eventually } from '../../support/eventually.ts'
import { failOnLeaks } from '../../support/leaks.ts'
import { StackProgram } from '../../support/stack-program.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

failOnLeaks()

/** Of a Maven that takes its time. */
const FETCH_SECONDS = 30

interface Refusal {
  readonly code: string | undefined
  readonly message: string
  readonly progress: readonly string[]
}

/** Everything a program that starts a stack prints until it ends without one. */
async function refusal(t: TestContext, wishes: object, env: Record<string, string> = {}): Promise<Refusal> {
  const program = await StackProgram.start(t, wishes, env)
  const progress: string[] = []
  for (;;) {
    const report = await program.report()
    if (report.progress === undefined) return { code: report.code, message: report.message ?? '', progress }
    progress.push(report.progress)
  }
}

/** An environment whose PATH has the real Java or none, and these scripts. */
async function equippedWith(
  t: TestContext,
  scripts: Record<string, string>,
  withJava: boolean,
): Promise<Record<string, string>> {
  const bin = temporaryDirectory(t)
  if (withJava) await symlink((await runTool('which', ['java'])).output.trim(), join(bin, 'java'))
  for (const [name, script] of Object.entries(scripts))
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return { PATH: bin, JAVA_HOME: '', XDG_CACHE_HOME: temporaryDirectory(t) }
}

describe('what a stack lacks is named in one sentence', () => {
  it('Java', async t => {
    const { code, message } = await refusal(t, {}, await equippedWith(t, {}, false))
    assert.equal(code, 'STACK_FAILED')
    assert.equal(
      message,
      'the development stack needs Java 17 or later, and java was not found: install a JDK or set JAVA_HOME',
    )
  })

  it('a new enough Java', async t => {
    const java = `echo 'openjdk version "11.0.2" 2019-01-15' >&2`
    const { code, message } = await refusal(t, {}, await equippedWith(t, { java }, false))
    assert.equal(code, 'STACK_FAILED')
    assert.match(message, /needs Java 17 or later, and java is version 11/)
  })

  it('Maven, when Kafka has not been fetched yet', async t => {
    const { code, message } = await refusal(t, {}, await equippedWith(t, {}, true))
    assert.equal(code, 'STACK_FAILED')
    assert.match(message, /fetched with Maven, and mvn was not found on the PATH/)
  })

  it('the network, after Maven has failed without it, saying that it fetches', async t => {
    const env = await equippedWith(t, { mvn: 'echo cannot resolve; exit 1' }, true)
    const { code, message, progress } = await refusal(t, {}, env)
    assert.equal(code, 'STACK_FAILED')
    assert.match(message, /Maven could not fetch Kafka and ZooKeeper/)
    assert.equal(progress.length, 1)
    assert.match(progress[0]!, /^fetching Kafka and ZooKeeper with Maven/)
  })

  it('a free port, for ZooKeeper and for a broker', async t => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    atEnd(t, () => new Promise(resolve => server.close(resolve)))
    const { port } = server.address() as AddressInfo
    const forZooKeeper = await refusal(t, { zookeeperPort: port })
    const forBroker = await refusal(t, { brokerPorts: [port] })
    const rest = 'is taken: stop what listens there or choose another port'
    assert.equal(forZooKeeper.message, `port ${port} for ZooKeeper ${rest}`)
    assert.equal(forBroker.message, `port ${port} for broker 0 ${rest}`)
  })

  it('a free port, while Maven fetches: nobody waits for Maven then, and it does not go on', async t => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    atEnd(t, () => new Promise(resolve => server.close(resolve)))
    const { port } = server.address() as AddressInfo
    const pidFile = join(temporaryDirectory(t), 'pid')
    const sleep = (await runTool('which', ['sleep'])).output.trim()
    const env = await equippedWith(t, { mvn: `echo $$ > ${pidFile}; exec ${sleep} ${FETCH_SECONDS}` }, true)
    const program = await StackProgram.start(t, { zookeeperPort: port }, env)
    assert.match((await program.report()).message ?? '', /^port \d+ for ZooKeeper is taken/)
    await eventually(() => program.child.exitCode !== null, { message: 'the program has ended' })
    if (!(await exists(pidFile))) return // it was ended before it had begun
    const pid = Number(await readFile(pidFile, 'utf8'))
    await eventually(async () => (await processIdentity(pid)) === undefined, { message: 'Maven has ended' })
  })
})
