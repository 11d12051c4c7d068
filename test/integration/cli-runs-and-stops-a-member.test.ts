import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { atEnd } from '../support/cleanup.ts'
import { KwgProcess, jsonLines, kwg } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { inRepository } from '../support/repository.ts'
import { sharedStack } from '../support/stack.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

const QUIET = inRepository('test/fixtures/handlers/quiet.js')
/** Makes `kwg` believe that it writes to a terminal of this size. */
function terminal(columns: number, rows: number): string[] {
  const script = `Object.assign(process.stdout, { isTTY: true, columns: ${columns}, rows: ${rows} })`
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`]
}

interface Run {
  readonly group: string
  readonly topic: string
  readonly flags: string[]
}

async function newRun(t: TestContext, records: number): Promise<Run> {
  const topic = await createTopic(t, { partitions: 2 })
  if (records > 0) await produceKeyed(topic, records)
  const group = uniqueGroup()
  const where = ['--group', group, '--topics', topic, '--zookeeper', sharedStack().zookeeper]
  return { group, topic, flags: [...where, '--threads', '2', '--offset-reset', 'earliest'] }
}

/** Progress lines are printed every second; the first that has them all is enough. */
const handledAll = (count: number): RegExp => new RegExp(`"handled":${count},`)

describe('kwg run', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`stops at ${signal}: everything finished is committed, the group is left, exit code 0`, async t => {
      const { group, topic, flags } = await newRun(t, 1_000)
      const member = new KwgProcess(t, ['run', QUIET, ...flags, '--json'])
      await member.shows(handledAll(1_000))
      member.signal(signal)
      assert.equal(await member.exited, 0)
      assert.deepEqual(await readOffsets(group, topic), await endOffsets(topic))
      const zookeeper = await openZooKeeper(t)
      assert.deepEqual(await zookeeper.list(`/consumers/${group}/ids`), [])
      assert.deepEqual(await zookeeper.list(`/consumers/${group}/owners/${topic}`), [])
      assert.doesNotMatch(member.stderr, /held by/, 'something kept the process alive')
    })
  }

  it('prints events as JSON lines, from the claims to how it ended', async t => {
    const { group, topic, flags } = await newRun(t, 100)
    const member = new KwgProcess(t, ['run', QUIET, ...flags, '--json', '--commit-interval', '200'])
    await member.shows(handledAll(100))
    await member.shows(/"offsets:committed"/)
    member.signal('SIGTERM')
    await member.exited
    const lines = jsonLines(member.stdout)
    const of = (event: string): Record<string, unknown>[] => lines.filter(line => line['event'] === event)
    assert.deepEqual(
      of('partition:claimed')
        .map(line => line['partition'])
        .sort(),
      [0, 1],
    )
    assert.deepEqual(
      of('partition:released')
        .map(line => line['partition'])
        .sort(),
      [0, 1],
    )
    const [started] = of('started')
    assert.deepEqual([started?.['groupId'], started?.['topics'], started?.['threads']], [group, [topic], 2])
    const progress = of('progress').at(-1)
    assert.deepEqual([progress?.['handled'], progress?.['lag'], progress?.['partitions']], [100, 0, 2])
    assert.equal(lines.at(-1)?.['event'], 'stopped')
    assert.equal(lines.at(-1)?.['handled'], 100)
    assert.ok(lines.every(line => !Number.isNaN(Date.parse(String(line['time'])))))
  })

  it('leaves standard output to the handlers when it is no terminal', async t => {
    const { flags } = await newRun(t, 20)
    const printing = inRepository('test/fixtures/handlers/printing.js')
    const member = new KwgProcess(t, ['run', printing, ...flags])
    await eventually(() => member.stdout.split('\n').length > 20, { message: () => member.stdout })
    member.signal('SIGTERM')
    assert.equal(await member.exited, 0)
    const lines = member.stdout.trimEnd().split('\n')
    assert.equal(lines.length, 20)
    assert.ok(lines.every(line => line.startsWith('handled value ')))
    const logs = jsonLines(member.stderr)
    assert.ok(logs.length > 0 && logs.every(line => line['name'] === 'kafka-worker-group'))
  })

  for (const [name, size] of [
    ['on a terminal', terminal(100, 24)],
    ['also on a terminal that does not know its size', terminal(0, 0)],
  ] as const) {
    it(`draws a live line ${name}`, async t => {
      const { flags } = await newRun(t, 50)
      const member = new KwgProcess(t, ['run', QUIET, ...flags], size)
      await member.shows(/50 records {3}[\d,]+\/s {3}lag 0 {3}2 partitions {3}threads \d+% \d+%/)
      member.signal('SIGTERM')
      assert.equal(await member.exited, 0)
    })
  }

  it('ends at once with 130 at a second signal', async t => {
    const { flags } = await newRun(t, 1)
    const blocking = inRepository('test/fixtures/handlers/printing.js')
    const url = `file://${blocking}?block=${encodeURIComponent('value 0')}&blockMs=20000`
    const member = new KwgProcess(t, ['run', url, ...flags])
    await member.shows(/handled value 0/)
    member.signal('SIGTERM')
    await eventually(() => /"to":"stopping"/.test(member.stderr), { message: () => member.stderr })
    member.signal('SIGINT') // another one: the same might be an echo of the first
    assert.equal(await member.exited, 130)
  })

  it('ends with 1 and one line of cause when it had to cut a handler: not everything was drained and released', async t => {
    const { flags } = await newRun(t, 1)
    const blocking = inRepository('test/fixtures/handlers/printing.js')
    const url = `file://${blocking}?block=${encodeURIComponent('value 0')}&blockMs=20000`
    const file = join(temporaryDirectory(t), 'group.json')
    await writeFile(file, JSON.stringify({ stopTimeoutMs: 1000 }))
    const member = new KwgProcess(t, ['run', url, ...flags, '--json', '--config', file])
    await member.shows(/handled value 0/)
    member.signal('SIGTERM')
    assert.equal(await member.exited, 1)
    assert.match(lastLine(member.stderr), /^kwg: STOP_TIMEOUT: handlers on thread \d+ did not end/)
    const last = JSON.parse(lastLine(member.stdout)) as Record<string, unknown>
    assert.deepEqual([last['event'], last['code']], ['failed', 'STOP_TIMEOUT'])
  })

  it('gives up a start when told to stop, with exit code 0', async t => {
    const { flags } = await newRun(t, 0)
    const silent = createServer().listen(0, '127.0.0.1')
    atEnd(t, () => silent.close())
    const connected = once(silent, 'connection')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const member = new KwgProcess(t, ['run', QUIET, ...flags, '--zookeeper', `127.0.0.1:${port}`])
    const [socket] = (await connected) as [Socket]
    atEnd(t, () => socket.destroy())
    member.signal('SIGTERM')
    assert.equal(await member.exited, 0)
    assert.doesNotMatch(member.stderr, /kwg:/)
  })

  it('stops gracefully when nobody reads its output any more', async t => {
    const { group, flags } = await newRun(t, 10)
    const member = new KwgProcess(t, ['run', QUIET, ...flags, '--json'])
    await member.shows(handledAll(10))
    member.closeStdout()
    assert.equal(await member.exited, 0)
    assert.deepEqual(await (await openZooKeeper(t)).list(`/consumers/${group}/ids`), [])
  })

  it('takes other options from a configuration file, and flags over it', async t => {
    const { group, topic, flags } = await newRun(t, 5)
    const file = join(temporaryDirectory(t), 'group.json')
    await writeFile(file, JSON.stringify({ groupId: 'other', memberId: 'from-file', commit: { auto: true } }))
    const member = new KwgProcess(t, ['run', QUIET, ...flags, '--json', '--config', file])
    await member.shows(handledAll(5))
    const owner = await (await openZooKeeper(t)).read(`/consumers/${group}/owners/${topic}/0`)
    assert.match(owner?.text ?? '', /^from-file-\d+$/)
    member.signal('SIGTERM')
    assert.equal(await member.exited, 0)
  })
})

describe('kwg run, when it cannot', () => {
  it('names a topic that does not exist, and claims nothing', async t => {
    const { group, flags } = await newRun(t, 0)
    const { code, stdout, stderr } = await kwg('run', QUIET, ...flags, '--topics', 'no-such-topic')
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(lastLine(stderr), /^kwg: TOPIC_NOT_FOUND: .*no-such-topic/)
    assert.deepEqual(await (await openZooKeeper(t)).list(`/consumers/${group}`), [])
  })

  const modules: [name: string, file: string, line: RegExp][] = [
    ['is missing', 'none.js', /^kwg: HANDLER_MODULE_INVALID: .*none\.js/],
    ['exports no handler', 'no-handler.js', /^kwg: HANDLER_MODULE_INVALID: .*no-handler\.js/],
    ['fails in setup', 'failing-setup.js', /^kwg: HANDLER_SETUP_FAILED: .*no license found/],
  ]
  for (const [name, file, line] of modules) {
    it(`names a handler module that ${name}`, async t => {
      const { group, flags } = await newRun(t, 0)
      const { code, stderr } = await kwg('run', inRepository(`test/fixtures/handlers/${file}`), ...flags)
      assert.equal(code, 1)
      assert.match(lastLine(stderr), line)
      assert.deepEqual(await (await openZooKeeper(t)).list(`/consumers/${group}`), [])
    })
  }

  it('names a handler module that does not parse', async t => {
    const { flags } = await newRun(t, 0)
    const file = join(temporaryDirectory(t), 'broken.mjs')
    await writeFile(file, 'export default function handle( {')
    const { code, stderr } = await kwg('run', file, ...flags)
    assert.equal(code, 1)
    assert.match(lastLine(stderr), /^kwg: HANDLER_MODULE_INVALID: .*broken\.mjs/)
  })

  it('names ZooKeeper servers that do not answer', async t => {
    const { flags } = await newRun(t, 0)
    const file = join(temporaryDirectory(t), 'group.json')
    await writeFile(file, JSON.stringify({ zookeeper: { servers: 'x:1', connectTimeoutMs: 300 } }))
    const { code, stderr } = await kwg('run', QUIET, ...flags, '--zookeeper', '127.0.0.1:1', '--config', file)
    assert.equal(code, 1)
    assert.match(lastLine(stderr), /^kwg: ZOOKEEPER_UNREACHABLE: .*127\.0\.0\.1:1/)
  })
})

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? ''
}
