import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { pack } from 'msgpackr'
import type { Message } from 'kafkajs'
import type { GroupError, RunGroupOptions } from '#src/index.js'
import { Chronicle, type ChronicleEvent } from '../support/chronicle.ts'
import { atEnd } from '../support/cleanup.ts'
import { KwgProcess } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { HOSTILE } from '../support/hostile.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { inRepository } from '../support/repository.ts'
import { errorsOf, handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { readOffsets } from '../support/zookeeper.ts'

interface Run {
  readonly topic: string
  readonly options: RunGroupOptions
}

async function newRun(t: TestContext, partitions: number, messages: Message[]): Promise<Run> {
  const topic = await createTopic(t, { partitions })
  if (messages.length > 0) await produce(topic, messages)
  return { topic, options: { groupId: uniqueGroup(), topics: [topic], zookeeper: sharedStack().zookeeper } }
}

/** `count` messages for each of the partitions. */
function messagesFor(partitions: readonly number[], count: number): Message[] {
  return partitions.flatMap(partition =>
    Array.from({ length: count }, (_, number) => ({ partition, value: `value ${number}` })),
  )
}

/** A file that a fixture writes into; gone with the test. */
function outputFile(t: TestContext): string {
  return join(temporaryDirectory(t), 'output')
}

function seenHandler(file: string, decode: string): URL {
  const url = pathToFileURL(inRepository('test/fixtures/handlers/seen.js'))
  url.searchParams.set('file', file)
  url.searchParams.set('decode', decode)
  return url
}

function hostileHandler(parameters: Readonly<Record<string, string>>): URL {
  const url = pathToFileURL(inRepository('test/fixtures/handlers/hostile.js'))
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return url
}

function readLines(file: string): Record<string, unknown>[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map(line => JSON.parse(line) as Record<string, unknown>)
}

/** Of the values that hurt: those that hurt most when Node brings what ended a thread to another one. */
const ENDS_THREADS = [
  'errors that are the cause of each other',
  'an error that is its own cause',
  'an error none of whose fields can be read',
  'a revoked proxy',
  'a symbol',
  'null',
  'nothing',
]

const OF_THE_THREAD: ReadonlySet<ChronicleEvent['event']> = new Set(['setup', 'teardown'])

/** Names of what happened to one partition, each run of records as one. */
function story(events: readonly ChronicleEvent[], partition: number): string[] {
  const own = events.filter(one => one.partition === partition || OF_THE_THREAD.has(one.event))
  return own.map(one => one.event).filter((event, index, all) => event !== all[index - 1])
}

describe('a handler module', () => {
  it('is set up once per thread, told of each partition before its first and after its last record, and torn down', async t => {
    const { options } = await newRun(t, 4, messagesFor([0, 1, 2, 3], 5))
    const chronicle = new Chronicle(t)
    const group = await runMember(t, chronicle.handler(), options)
    await handled(group, 20)
    await group.stop()
    const events = chronicle.read()
    assert.deepEqual(new Set(events.map(one => one.threadId)), new Set([0, 1]))
    for (const threadId of [0, 1]) {
      const own = events.filter(one => one.threadId === threadId)
      const partitions = new Set(own.filter(one => one.event === 'claimed').map(one => one.partition))
      assert.equal(partitions.size, 2)
      for (const partition of partitions)
        assert.deepEqual(story(own, partition), ['setup', 'claimed', 'start', 'released', 'teardown'])
    }
  })

  const decoded: [decode: string, bytes: Buffer | string, value: unknown][] = [
    ['json', '{"a":[1,null]}', { a: [1, null] }],
    ['string', 'grüße', 'grüße'],
    ['msgpack', pack({ a: [1, 'x'] }), { a: [1, 'x'] }],
    ['buffer', 'ab', { type: 'Buffer', data: [97, 98] }],
    ['function', 'abc', '0: cba'],
  ]
  for (const [decode, bytes, value] of decoded) {
    it(`gets values decoded by ${decode}, and null where there is none`, async t => {
      const { options } = await newRun(t, 1, [{ value: bytes }, { value: null }])
      const file = outputFile(t)
      const group = await runMember(t, seenHandler(file, decode), options)
      await handled(group, 2)
      await group.stop()
      assert.deepEqual(
        readLines(file).map(line => line['value']),
        [value, null],
      )
    })
  }

  it('stops its partition at a value that cannot be decoded', async t => {
    const { topic, options } = await newRun(t, 1, [{ value: '1' }, { value: '{' }, { value: '3' }])
    const retry = { backoffMs: 10 }
    const group = await runMember(t, seenHandler(outputFile(t), 'json'), { ...options, retry })
    const error = await new Promise<GroupError>(resolve => group.on('error', resolve))
    assert.equal(error.code, 'DECODE_FAILED')
    assert.deepEqual(
      [error.details['topic'], error.details['partition'], error.details['offset']],
      [topic, 0, 1],
    )
    await group.stop()
    assert.deepEqual(await readOffsets(options.groupId, topic), [1])
  })

  for (const decode of ['json', 'msgpack', 'function']) {
    it(`that reads what cannot be decoded by ${decode} leaves no payload in any log`, async t => {
      const value = Buffer.concat([pack('ok'), Buffer.from(' hunter2')])
      const { topic, options } = await newRun(t, 1, [{ value }])
      const where = ['--group', options.groupId, '--topics', topic, '--zookeeper', sharedStack().zookeeper]
      const handler = pathToFileURL(inRepository('test/fixtures/handlers/quoting.js'))
      handler.searchParams.set('decode', decode)
      const flags = [...where, '--threads', '1', '--offset-reset', 'earliest', '--json']
      const member = new KwgProcess(t, ['run', handler.href, ...flags])
      await member.shows(/"code":"HANDLER_FAILED"/)
      member.signal('SIGTERM')
      await member.exited
      assert.match(member.stderr, /"msg":"reading failed"/)
      assert.match(member.stderr, /the handler failed on .* at offset 0: no value/)
      assert.match(member.stderr, /the value of the record at offset \d+ of .* cannot be decoded/)
      assert.doesNotMatch(member.stdout + member.stderr, /hunter2/)
    })
  }

  it('finds group, member, thread, epoch, signal, logger and its own state in the context', async t => {
    const { options } = await newRun(t, 1, messagesFor([0], 3))
    const file = outputFile(t)
    const group = await runMember(t, seenHandler(file, 'buffer'), { ...options, memberId: 'member-of-test' })
    await handled(group, 3)
    const { epoch, threadId } = group.status().partitions[0]!
    await group.stop()
    const lines = readLines(file)
    assert.deepEqual(
      lines.map(line => line['records']),
      [1, 2, 3],
    )
    assert.deepEqual(lines[2], {
      value: { type: 'Buffer', data: [...Buffer.from('value 2')] },
      groupId: options.groupId,
      memberId: 'member-of-test',
      threadId,
      epoch: String(epoch),
      epochIs: 'bigint',
      isAborted: false,
      isSignal: true,
      loggerHas: ['debug', 'info', 'warn', 'error'],
      records: 3,
    })
  })

  it('that is async gets one record of a partition at a time, and other partitions of its thread meanwhile', async t => {
    const { options } = await newRun(t, 2, messagesFor([0, 1], 20))
    const chronicle = new Chronicle(t)
    const group = await runMember(t, chronicle.handler({ sleepMs: 10 }), { ...options, threads: 1 })
    await handled(group, 40)
    await group.stop()
    const events = chronicle.read().filter(({ event }) => event === 'start' || event === 'end')
    for (const partition of [0, 1]) {
      const own = events.filter(one => one.partition === partition)
      const expected = Array.from({ length: 20 }, (_, offset) => [`start ${offset}`, `end ${offset}`]).flat()
      assert.deepEqual(
        own.map(one => `${one.event} ${one.offset}`),
        expected,
      )
    }
    assert.ok(
      events.some((one, index) => one.event === 'start' && events[index - 1]?.event === 'start'),
      'partitions never overlapped',
    )
  })

  it('may be CommonJS', async t => {
    const { options } = await newRun(t, 1, messagesFor([0], 3))
    const file = outputFile(t)
    process.env['KWG_TEST_FILE'] = file
    atEnd(t, () => delete process.env['KWG_TEST_FILE'])
    const handler = pathToFileURL(inRepository('test/fixtures/handlers/common.cjs'))
    const group = await runMember(t, handler, { ...options, threads: 1 })
    await handled(group, 3)
    await group.stop()
    assert.equal(readFileSync(file, 'utf8'), 'value 0 0\nvalue 1 0\nvalue 2 0\n')
  })

  it('that throws stops its partition only, at that record, which is not committed', async t => {
    const { topic, options } = await newRun(t, 2, messagesFor([0, 1], 20))
    const chronicle = new Chronicle(t)
    const retry = { attempts: 1 }
    const group = await runMember(t, chronicle.handler({ throwAt: '0:5' }), { ...options, retry })
    const errors: GroupError[] = []
    group.on('error', error => errors.push(error))
    await eventually(() => errors.length > 0 && group.status().handled === 25)
    const [failed, other] = group.status().partitions
    assert.deepEqual(
      [failed?.state, failed?.failure?.code, other?.state],
      ['failed', 'HANDLER_FAILED', 'running'],
    )
    await group.stop()
    assert.equal(errors.length, 1)
    assert.equal(errors[0]!.code, 'HANDLER_FAILED')
    assert.match(errors[0]!.message, /handler said no/)
    const { partition, offset } = errors[0]!.details
    assert.deepEqual([errors[0]!.details['topic'], partition, offset], [topic, 0, 5])
    assert.deepEqual(await readOffsets(options.groupId, topic), [5, 20])
  })
})

describe('a handler module that throws what hurts whoever looks at it', () => {
  const kinds = Object.keys(HOSTILE).length
  const partitions = [...Array(kinds + 1).keys()]
  /** One per value that is thrown, and the last one throws nothing. */
  const floors = partitions.map(partition => (partition < kinds ? 1 : 3))

  for (const where of ['handle', 'promise']) {
    it(`stops the partitions that it throws in, and the thread runs the others on (${where})`, async t => {
      const { topic, options } = await newRun(t, partitions.length, messagesFor(partitions, 3))
      const retry = { backoffMs: 10 }
      const group = await runMember(t, hostileHandler({ where }), { ...options, threads: 1, retry })
      const errors: GroupError[] = []
      group.on('error', error => errors.push(error))
      await eventually(() => errors.length === kinds && group.status().handled === kinds + 3)
      assert.ok(errors.every(error => error.code === 'HANDLER_FAILED' && error.message !== ''))
      assert.equal(group.state, 'running')
      await group.stop()
      assert.deepEqual(await readOffsets(options.groupId, topic), floors)
    })
  }

  for (const where of ['timer', 'rejection']) {
    it(`and that nobody catches ends the thread only, and is told as the reason (${where})`, async t => {
      const names = Object.keys(HOSTILE)
      const chosen = ENDS_THREADS.map(name => names.indexOf(name))
      assert.ok(!chosen.includes(-1))
      const { topic, options } = await newRun(t, kinds, messagesFor(chosen, 3))
      const more = { threads: 1, retry: { attempts: 1 }, onFailure: 'skip' as const }
      const group = await runMember(t, hostileHandler({ where }), { ...options, ...more })
      const errors = errorsOf(group)
      const floors = (): number[] =>
        chosen.map(partition => Number(group.status().partitions[partition]!.committable))
      await eventually(() => floors().every(floor => floor === 3), {
        deadlineMs: 90_000,
        message: () => `all at 3, not at ${floors().join(', ')}; ${errors.map(String).join('; ')}`,
      })
      assert.equal(group.state, 'running')
      await group.stop()
      // Of several in hand nobody knows which it was: they are run alone then, and named when that ends the thread.
      const named = errors.filter(({ code, details }) => code === 'WORKER_DIED' && 'partition' in details)
      assert.deepEqual(named.map(({ details }) => details['partition']).toSorted(), chosen.toSorted())
      const offsets = await readOffsets(options.groupId, topic)
      assert.deepEqual(
        chosen.map(partition => offsets[partition]),
        chosen.map(() => 3),
      )
    })
  }

  it('gives its partitions up although it throws in released', async t => {
    const { topic, options } = await newRun(t, partitions.length, messagesFor(partitions, 3))
    const group = await runMember(t, hostileHandler({ where: 'released' }), { ...options, threads: 1 })
    await handled(group, partitions.length * 3)
    const errors: GroupError[] = []
    group.on('error', error => errors.push(error))
    await group.stop()
    assert.deepEqual([...new Set(errors.map(error => error.code))], ['HANDLER_HOOK_FAILED'])
    assert.equal(errors.length, kinds)
    assert.deepEqual(
      await readOffsets(options.groupId, topic),
      partitions.map(() => 3),
    )
  })

  it('is refused with HANDLER_SETUP_FAILED when it throws in setup', async t => {
    const { options } = await newRun(t, 1, [])
    for (const what of Object.keys(HOSTILE)) {
      const error = await rejection(
        runMember(t, hostileHandler({ where: 'setup', what }), { ...options, threads: 1 }),
        'HANDLER_SETUP_FAILED',
      )
      assert.match(error.message, /^'setup' of file:.*hostile\.js.* failed: ./, what)
    }
  })
})

describe('a running group', () => {
  for (const ordering of ['partition', 'key', 'none'] as const)
    it(`takes no record of what is paused, and goes on when it is resumed: ${ordering} order`, async t => {
      const { topic, options } = await newRun(t, 2, [])
      const chronicle = new Chronicle(t)
      const group = await runMember(t, chronicle.handler(), { ...options, ordering })
      group.pause(topic, 0)
      await eventually(() => group.status().partitions[0]?.waitsFor === 'paused')
      await produce(topic, messagesFor([0, 1], 10))
      await handled(group, 10)
      assert.deepEqual([chronicle.started(0).length, chronicle.started(1).length], [0, 10])

      group.pause()
      await eventually(() => group.status().partitions.every(one => one.waitsFor === 'paused'))
      group.resume(topic, 0)
      await handled(group, 20)
      await produce(topic, messagesFor([0, 1], 10))
      await handled(group, 30)
      assert.deepEqual([chronicle.started(0).length, chronicle.started(1).length], [20, 10])

      group.resume()
      await handled(group, 40)
      await group.stop()
      assert.deepEqual(await readOffsets(options.groupId, topic), [20, 20])
    })

  it('commits when asked to if commit.auto is off, and not before', async t => {
    const { topic, options } = await newRun(t, 2, messagesFor([0, 1], 10))
    const commit = { auto: false, intervalMs: 100 }
    const group = await runMember(t, new Chronicle(t).handler(), { ...options, commit })
    const committed: number[] = []
    group.on('offsets:committed', ({ offsets }) => committed.push(offsets.length))
    await handled(group, 20)
    assert.deepEqual(committed, [])
    assert.deepEqual(await readOffsets(options.groupId, topic), [0, 0])
    await group.commit()
    assert.deepEqual(committed, [2])
    assert.deepEqual(await readOffsets(options.groupId, topic), await endOffsets(topic))
    await group.commit()
    assert.deepEqual(committed, [2])
  })
})
