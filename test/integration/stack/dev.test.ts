import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { devDown, devStatus, devUp } from '#src/stack/dev.js'
import type { DevState } from '#src/stack/dev-state.js'
import { exists } from '#src/stack/exists.js'
import { freePort } from '#src/stack/ports.js'
import { processIdentity } from '#src/stack/process-identity.js'
import { runTool, type ToolResult } from '#src/stack/run-tool.js'
import { atEnd } from '../../support/cleanup.ts'
import { eventually } from '../../support/eventually.ts'
import { jsonLines } from '../../support/cli.ts'
import { createTopic, endOffsets, produce } from '../../support/kafka.ts'
import { failOnLeaks } from '../../support/leaks.ts'
import { inRepository } from '../../support/repository.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

failOnLeaks()

interface DevTest {
  readonly directory: string
  readonly ports: { readonly zookeeperPort: number; readonly brokerPort: number }
  /** Runs `kwg dev` in that directory to its end. */
  readonly kwgDev: (...args: string[]) => Promise<ToolResult>
}

/** A directory and ports for a development stack; whatever is up there in the end is stopped. */
async function devTest(t: TestContext): Promise<DevTest> {
  const directory = temporaryDirectory(t)
  atEnd(t, () => devDown({ directory }))
  const ports = { zookeeperPort: await freePort(), brokerPort: await freePort() }
  return { directory, ports, kwgDev: (...args) => kwgDev(directory, args) }
}

function kwgDev(directory: string, args: readonly string[]): Promise<ToolResult> {
  return runTool(process.execPath, [inRepository('dist/cli/main.js'), 'dev', ...args], { cwd: directory })
}

async function editState(directory: string, edit: (state: DevState) => DevState): Promise<void> {
  const file = join(directory, '.kwg', 'stack.json')
  await writeFile(file, JSON.stringify(edit(JSON.parse(await readFile(file, 'utf8')) as DevState)))
}

describe('kwg dev', () => {
  it('up leaves the servers running, says so the second time, status tells, and down stops them and removes everything', async t => {
    const { directory, ports, kwgDev } = await devTest(t)
    const flags = ['--zookeeper-port', String(ports.zookeeperPort), '--broker-port', String(ports.brokerPort)]
    const up = await kwgDev('up', ...flags)
    assert.equal(up.exitCode, 0, up.output)
    assert.match(up.output, /^up$/m)
    const brokers = [`127.0.0.1:${ports.brokerPort}`]
    const topic = await createTopic(t, { brokers })
    await produce(topic, [{ value: 'x' }], { brokers })

    assert.match((await kwgDev('up')).output, /^already up$/m)
    const other = await kwgDev('up', '--brokers', '2')
    assert.equal(other.exitCode, 1)
    assert.match(other.output, /the stack is up with other settings .* stop it with kwg dev down first/)

    const [status] = jsonLines((await kwgDev('status', '--json')).output)
    assert.equal(status!.state, 'up')
    assert.equal(status!.zookeeper, `127.0.0.1:${ports.zookeeperPort}`)
    assert.deepEqual(status!.brokers, brokers)
    const pids = (status!.servers as { pid: number }[]).map(({ pid }) => pid)

    const [down] = jsonLines((await kwgDev('down', '--json')).output)
    assert.deepEqual(down, { state: 'down', wasUp: true })
    for (const pid of pids) assert.equal(await processIdentity(pid), undefined)
    assert.equal(await exists(join(directory, '.kwg')), false)
    assert.match((await kwgDev('status')).output, /^down$/m)
    assert.match((await kwgDev('down')).output, /nothing to stop/)
  })

  it('down stops no process that was given the pid of an ended server', async t => {
    const { directory, ports } = await devTest(t)
    await devUp({ directory, ...ports })
    const stranger = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'])
    const ended = once(stranger, 'exit')
    atEnd(t, async () => {
      stranger.kill()
      await ended
    })
    const { servers } = await devStatus({ directory })
    await editState(directory, state => ({
      ...state,
      servers: state.servers.map(server =>
        server.name === 'broker 0' ? { ...server, pid: stranger.pid! } : server,
      ),
    }))
    assert.equal((await devStatus({ directory })).state, 'broken')
    assert.equal(await devDown({ directory }), true)
    assert.equal(stranger.exitCode ?? stranger.signalCode, null)
    assert.notEqual(await processIdentity(stranger.pid!), undefined)
    // The broker itself was hidden from `down` by this test.
    const broker = servers.find(({ name }) => name === 'broker 0')!
    process.kill(broker.pid, 'SIGKILL')
    await eventually(async () => (await processIdentity(broker.pid)) === undefined)
  })

  it('up starts anew, on the same data, when a server has ended, and also after down --keep-data', async t => {
    const { directory, ports, kwgDev } = await devTest(t)
    const brokers = [`127.0.0.1:${ports.brokerPort}`]
    const { servers } = await devUp({ directory, ...ports })
    const topic = await createTopic(t, { brokers })
    await produce(topic, [{ value: 'kept' }], { brokers })
    process.kill(servers.find(({ name }) => name === 'broker 0')!.pid, 'SIGKILL')
    await eventually(async () => (await devStatus({ directory })).state === 'broken')
    const again = await devUp({ directory, ...ports })
    assert.equal(again.alreadyUp, false)
    assert.deepEqual(await endOffsets(topic, brokers), [1])

    await kwgDev('down', '--keep-data')
    assert.equal((await devStatus({ directory })).state, 'down')
    await devUp({ directory, ...ports })
    assert.deepEqual(await endOffsets(topic, brokers), [1])
  })

  it('names a taken port, leaves nothing, and exits with 1', async t => {
    const { directory, kwgDev } = await devTest(t)
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    atEnd(t, () => new Promise(resolve => server.close(resolve)))
    const { port } = server.address() as AddressInfo
    const { exitCode, output } = await kwgDev('up', '--zookeeper-port', String(port))
    assert.equal(exitCode, 1)
    assert.match(output, new RegExp(`port ${port} for ZooKeeper is taken`))
    assert.equal(await exists(join(directory, '.kwg')), false)
  })

  it('refuses impossible numbers, and a state file that it did not write', async t => {
    const { directory, kwgDev } = await devTest(t)
    const { exitCode, output } = await kwgDev('up', '--brokers', 'many')
    assert.equal(exitCode, 1)
    assert.match(output, /'many' is invalid.*whole number from 1 to 9/)

    const file = join(directory, '.kwg', 'stack.json')
    await mkdir(join(directory, '.kwg'))
    await writeFile(file, '{')
    const status = await kwgDev('status')
    assert.equal(status.exitCode, 1)
    assert.match(status.output, /stack\.json does not tell what was started: stop its servers by hand/)
    await rm(file)
  })
})
