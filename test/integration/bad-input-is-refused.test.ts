import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { runGroup, type ErrorCode, type GroupError, type RunGroupOptions } from '#src/index.js'
import { silentLogger } from '#src/shared/logger.js'
import { kwg } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, produceKeyed, uniqueGroup, withAdmin } from '../support/kafka.ts'
import { Ledger } from '../support/ledger.ts'
import { inRepository } from '../support/repository.ts'
import { handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

const QUIET = inRepository('test/fixtures/handlers/quiet.js')
/** Nothing listens there. */
const NOBODY = '127.0.0.1:1'
const SESSION_MS = 1_000

interface Attempt {
  readonly handler?: string
  /** Not of the right types, some of them. */
  readonly options: Readonly<Record<string, unknown>>
}

/** Tries it by the API and by the CLI: the same code and words from both, on one line, and nothing written. */
async function assertRefused(t: TestContext, attempt: Attempt, code: ErrorCode): Promise<GroupError> {
  const { handler = QUIET, options } = attempt
  const error = await rejection(
    runGroup(handler, { logger: silentLogger, ...options } as unknown as RunGroupOptions),
    code,
  )
  const config = temporaryFile(t, 'group.json', JSON.stringify(options))
  const { code: exitCode, stdout, stderr } = await kwg('run', handler, '--config', config)
  assert.equal(exitCode, 1)
  assert.equal(stdout, '')
  const own = stderr.split('\n').filter(line => line.startsWith('kwg:'))
  assert.equal(own.length, 1, stderr)
  assert.ok(own[0]!.startsWith(`kwg: ${code}: `), own[0])
  return error
}

async function assertNothingWritten(
  t: TestContext,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const zookeeper = await openZooKeeper(t)
  assert.equal(await zookeeper.read(`/consumers/${String(options['groupId'])}`), undefined)
}

async function goodOptions(t: TestContext): Promise<Record<string, unknown>> {
  const topic = await createTopic(t)
  return { groupId: uniqueGroup(), topics: [topic], zookeeper: sharedStack().zookeeper, threads: 1 }
}

function temporaryFile(t: TestContext, name: string, text: string): string {
  const file = join(temporaryDirectory(t), name)
  writeFileSync(file, text)
  return file
}

describe('bad input is refused with one clear error, and nothing is written:', () => {
  it('unknown and ill-typed options, all at once, with the closest name', async t => {
    const good = await goodOptions(t)
    const options = { ...good, offsetRest: 'earliest', threads: 'two', fetch: { maxWait: 1 } }
    const { message } = await assertRefused(t, { options }, 'CONFIG_INVALID')
    for (const part of [/3 problems/, /offsetRest.*offsetReset/, /threads/, /fetch\.maxWait.*maxWaitMs/])
      assert.match(message, part)
    await assertNothingWritten(t, options)
  })

  const illegal: [name: string, change: Record<string, unknown>, message: RegExp][] = [
    ['a group name that is not legal', { groupId: 'a/b' }, /groupId.*a\/b/],
    ['a topic name that is not legal', { topics: ['fine', 'not fine'] }, /topics\[1\].*not fine/],
    [
      'a malformed chroot',
      { zookeeper: { servers: '127.0.0.1:2181', chroot: '/a//b/' } },
      /chroot.*\/a\/\/b\//,
    ],
    [
      'a malformed chroot behind the servers',
      { zookeeper: '127.0.0.1:2181/a/../b' },
      /zookeeper.*\/a\/\.\.\/b/,
    ],
  ]
  for (const [name, change, words] of illegal) {
    it(name, async t => {
      const options = { ...(await goodOptions(t)), ...change }
      const { message } = await assertRefused(t, { options }, 'CONFIG_INVALID')
      assert.match(message, words)
    })
  }

  it('ZooKeeper that cannot be reached within the connect deadline', async t => {
    const zookeeper = { servers: NOBODY, connectTimeoutMs: 500 }
    const options = { ...(await goodOptions(t)), zookeeper }
    const { message } = await assertRefused(t, { options }, 'ZOOKEEPER_UNREACHABLE')
    assert.match(message, /127\.0\.0\.1:1/)
  })

  it('brokers that cannot be reached within the connect deadline', async t => {
    const kafka = { brokers: [NOBODY], connectionTimeoutMs: 500 }
    const options = { ...(await goodOptions(t)), kafka }
    const { message } = await assertRefused(t, { options }, 'BROKERS_UNREACHABLE')
    assert.match(message, /127\.0\.0\.1:1/)
    await assertNothingWritten(t, options)
  })

  it('a topic that does not exist, by its name; the others are not consumed half-way', async t => {
    const good = await goodOptions(t)
    const options = { ...good, topics: [...(good['topics'] as string[]), 'nowhere-1', 'nowhere-2'] }
    const { message } = await assertRefused(t, { options }, 'TOPIC_NOT_FOUND')
    assert.match(message, /"nowhere-1", "nowhere-2" do not exist/)
    await assertNothingWritten(t, options)
  })

  const modules: [name: string, text: string, code: ErrorCode, words: RegExp][] = [
    ['does not parse', 'export default function handle( {', 'HANDLER_MODULE_INVALID', /does not parse/],
    ['throws while it loads', 'throw new Error("no disk")', 'HANDLER_MODULE_INVALID', /no disk/],
    ['has no usable export', 'export const decode = "json"', 'HANDLER_MODULE_INVALID', /no usable handler/],
    [
      'throws in setup',
      'export function setup() { throw new Error("no license") }\nexport default () => {}',
      'HANDLER_SETUP_FAILED',
      /no license/,
    ],
  ]
  for (const [name, text, code, words] of modules) {
    it(`a handler module that ${name}`, async t => {
      const options = await goodOptions(t)
      const handler = temporaryFile(t, 'handler.mjs', text)
      const { message } = await assertRefused(t, { handler, options }, code)
      assert.match(message, /handler\.mjs/)
      assert.match(message, words)
      await assertNothingWritten(t, options)
    })
  }

  it('a handler module that is missing', async t => {
    const options = await goodOptions(t)
    const { message } = await assertRefused(t, { handler: './none.js', options }, 'HANDLER_MODULE_INVALID')
    assert.match(message, /none\.js does not exist/)
    await assertNothingWritten(t, options)
  })

  it('a handler module that is no file', async t => {
    const options = await goodOptions(t)
    const handler = 'https://127.0.0.1:1/handler.js'
    const { message } = await assertRefused(t, { handler, options }, 'HANDLER_MODULE_INVALID')
    assert.match(message, /https:\/\/127\.0\.0\.1:1\/handler\.js must be given as a path or a file: URL/)
    await assertNothingWritten(t, options)
  })

  it('a corrupt offset node, by its path; it is neither treated as 0 nor changed', async t => {
    const options = await goodOptions(t)
    const group = `/consumers/${String(options['groupId'])}`
    const path = `${group}/offsets/${(options['topics'] as string[])[0]!}/0`
    const zookeeper = await openZooKeeper(t)
    await zookeeper.write(path, '12x')
    const { message } = await assertRefused(t, { options }, 'OFFSET_CORRUPT')
    assert.ok(message.includes(path), message)
    assert.equal((await zookeeper.read(path))?.text, '12x')
    assert.deepEqual(await zookeeper.list(group), ['offsets'])
  })

  it('a memberId that a live member holds, which goes on', async t => {
    const topic = await createTopic(t)
    const options = {
      groupId: uniqueGroup(),
      topics: [topic],
      zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: SESSION_MS },
      threads: 1,
      memberId: 'taken',
    }
    const holder = await runMember(t, pathToFileURL(QUIET), options)
    const zookeeper = await openZooKeeper(t)
    const group = `/consumers/${options.groupId}`
    const nodes = [`${group}/ids/taken`, `${group}/owners/${topic}/0`]
    const readNodes = (): Promise<unknown> => Promise.all(nodes.map(path => zookeeper.read(path)))
    const before = await readNodes()
    const { message } = await assertRefused(t, { options }, 'MEMBER_ID_TAKEN')
    assert.match(message, /taken/)
    await produceKeyed(topic, 10)
    await handled(holder, 10)
    assert.deepEqual(await readNodes(), before)
  })
})

describe("missingTopics: 'wait'", () => {
  it('consumes the topics that exist, and a missing one once it appears, from its first record', async t => {
    const existing = await createTopic(t)
    const later = `${existing}-later`
    const ledger = new Ledger(t)
    const group = await runMember(t, ledger.handler(), {
      groupId: uniqueGroup(),
      topics: [existing, later],
      zookeeper: sharedStack().zookeeper,
      missingTopics: 'wait',
      offsetReset: 'latest',
    })
    await produceKeyed(existing, 5)
    await handled(group, 5)
    await withAdmin(sharedStack().brokers, admin =>
      admin.createTopics({ waitForLeaders: true, topics: [{ topic: later, numPartitions: 2 }] }),
    )
    await produceKeyed(later, 20)
    await handled(group, 25)
    await eventually(() => group.status().partitions.filter(one => one.topic === later).length === 2)
    assert.equal(ledger.count, 25)
  })
})
