// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Group, GroupError, RunGroupOptions } from '#src/index.js'
import { startGroup } from '#src/run-group.js'
import { silentLogger } from '#src/shared/logger.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { MemberProcess } from '../support/member-process.ts'
import { handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

const PARTITIONS = 4
const RECORDS = 1_000
/** For a stop whose handlers have to be cut. */
const DEADLINE_MS = 3_000
/** What the machine may add to a deadline. */
const SLACK_MS = 1_500

async function newRun(t: TestContext, records: number, partitions = 1): Promise<RunGroupOptions> {
  const topic = await createTopic(t, { partitions })
  await produceKeyed(topic, records)
  return {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: sharedStack().zookeeper,
    threads: 2,
    offsetReset: 'earliest',
    logger: silentLogger,
  }
}

async function assertLeft(t: TestContext, { groupId, topics }: RunGroupOptions): Promise<void> {
  const zookeeper = await openZooKeeper(t)
  assert.deepEqual(await zookeeper.list(`/consumers/${groupId}/ids`), [])
  assert.deepEqual(await zookeeper.list(`/consumers/${groupId}/owners/${topics[0]!}`), [])
}

/** Stops while a handler is at work; resolves with what was told and how long it took. */
async function stopAtWork(group: Group, chronicle: Chronicle, timeoutMs: number) {
  const errors: GroupError[] = []
  group.on('error', error => errors.push(error))
  await eventually(() => chronicle.read('start').length > 0, { message: 'a handler started' })
  const startedMs = performance.now()
  await group.stop({ timeoutMs })
  return { errors, tookMs: performance.now() - startedMs }
}

describe('stop', () => {
  for (const [kind, handler] of [
    ['sync', { burnMs: 3 }],
    ['async', { sleepMs: 3 }],
  ] as const) {
    it(`finishes what ${kind} handlers have in hand, commits it, leaves at once, and nothing is repeated`, async t => {
      const options = await newRun(t, RECORDS, PARTITIONS)
      const [topic] = options.topics as [string]
      const chronicle = new Chronicle(t)
      const first = await runMember(t, chronicle.handler(handler), options)
      await handled(first, RECORDS / 4)
      await first.stop()
      await assertLeft(t, options)
      const committed = await readOffsets(options.groupId, topic)
      for (const [partition, offset] of committed.entries())
        assert.deepEqual(chronicle.started(partition), [...Array(offset).keys()])
      const before = chronicle.read('start').length
      assert.ok(before < RECORDS, 'everything was handled before the stop')
      if (kind === 'async') assert.equal(chronicle.read('end').length, before)

      const second = await runMember(t, chronicle.handler(), options)
      await handled(second, RECORDS - before)
      await second.stop()
      const ends = await endOffsets(topic)
      for (const [partition, end] of ends.entries())
        assert.deepEqual(chronicle.started(partition), [...Array(end).keys()])
      assert.deepEqual(await readOffsets(options.groupId, topic), ends)
    })
  }

  it('aborts the signal near its deadline, and a handler that then settles is finished', async t => {
    const options = await newRun(t, 10)
    const chronicle = new Chronicle(t)
    const group = await runMember(t, chronicle.handler({ untilAborted: 1 }), options)
    const { errors, tookMs } = await stopAtWork(group, chronicle, DEADLINE_MS)
    assert.deepEqual(errors, [])
    assert.ok(tookMs < DEADLINE_MS, `${tookMs} ms`)
    assert.equal(chronicle.read('end').length, 1)
    assert.equal(chronicle.read('teardown').length, 2)
    assert.deepEqual(await readOffsets(options.groupId, options.topics[0]!), [1])
    await assertLeft(t, options)
  })

  for (const [kind, handler] of [
    ['never settles', { neverSettles: 1 }],
    ['blocks its thread', { blocksForever: 1 }],
  ] as const) {
    it(`ends within its deadline when a handler ${kind}: the thread is cut and its record is not committed`, async t => {
      const options = await newRun(t, 10)
      const chronicle = new Chronicle(t)
      const group = await runMember(t, chronicle.handler(handler), options)
      const { errors, tookMs } = await stopAtWork(group, chronicle, DEADLINE_MS)
      assert.ok(tookMs < DEADLINE_MS + SLACK_MS, `${tookMs} ms`)
      assert.deepEqual(
        errors.map(error => error.code),
        ['STOP_TIMEOUT'],
      )
      assert.equal(group.state, 'stopped')
      await group.finished
      assert.deepEqual(chronicle.started(0), [0])
      assert.deepEqual(await readOffsets(options.groupId, options.topics[0]!), [0])
      await assertLeft(t, options)
    })
  }

  for (const [kind, handler] of [
    ['handlers are idle', {}],
    ['a handler never settles', { neverSettles: 1 }],
    ['a handler blocks its thread', { blocksForever: 1 }],
  ] as const) {
    it(`leaves nothing that keeps the process alive when ${kind}`, async t => {
      const options = await newRun(t, 10)
      const chronicle = new Chronicle(t)
      const member = new MemberProcess(t, chronicle.handler(handler), {
        ...options,
        logger: undefined, // functions do not cross processes; the member has a silent one of its own
        stopTimeoutMs: DEADLINE_MS,
      })
      await eventually(() => chronicle.read('start').length > 0, {
        deadlineMs: 30_000,
        message: () => member.errors,
      })
      member.signal('SIGTERM')
      const { atMs } = await member.event('finished')
      assert.equal(await member.exit(), 0)
      assert.ok(Date.now() - atMs < SLACK_MS, `the process lived on for ${Date.now() - atMs} ms`)
      await assertLeft(t, options)
    })
  }

  it('stores what was finished also when ZooKeeper is away at that moment, and nothing is repeated', async t => {
    const options = await newRun(t, RECORDS)
    const gate = await TcpGate.open(t, sharedStack().zookeeper)
    const chronicle = new Chronicle(t)
    const first = await runMember(t, chronicle.handler({ burnMs: 1 }), {
      ...options,
      zookeeper: gate.address,
      kafka: { brokers: [...sharedStack().brokers] },
      commit: { intervalMs: 60_000 },
    })
    await handled(first, RECORDS / 4)
    gate.shut()
    await eventually(() => first.status().session.state === 'disconnected')
    const stopped = first.stop()
    await eventually(() => first.status().workers.every(worker => worker.runningForMs === null))
    gate.reopen()
    await stopped
    await assertLeft(t, options)
    const before = chronicle.read('start').length
    assert.deepEqual(await readOffsets(options.groupId, options.topics[0]!), [before])
  })

  it('tells which partition could not be stored when ZooKeeper stays away, and ends within its deadline', async t => {
    const options = await newRun(t, RECORDS)
    const gate = await TcpGate.open(t, sharedStack().zookeeper)
    const group = await runMember(t, new Chronicle(t).handler({ burnMs: 1 }), {
      ...options,
      zookeeper: gate.address,
      kafka: { brokers: [...sharedStack().brokers] },
      commit: { intervalMs: 60_000 },
    })
    const errors: GroupError[] = []
    group.on('error', error => errors.push(error))
    await handled(group, RECORDS / 4)
    gate.shut()
    const startedMs = performance.now()
    await group.stop({ timeoutMs: DEADLINE_MS })
    assert.ok(performance.now() - startedMs < DEADLINE_MS + SLACK_MS)
    assert.deepEqual(
      errors.map(error => [error.code, error.details['topic'], error.details['partition']]),
      [['ZOOKEEPER_DISCONNECTED', options.topics[0], 0]],
    )
    gate.reopen()
  })

  it('does not wait for a topic that is looked for', async t => {
    const options = await newRun(t, 10)
    const group = await runMember(t, new Chronicle(t).handler(), {
      ...options,
      topics: [...options.topics, `${options.topics[0]}-missing`],
      missingTopics: 'wait',
    })
    await handled(group, 10)
    const startedMs = performance.now()
    await group.stop()
    assert.ok(performance.now() - startedMs < 700, `${performance.now() - startedMs} ms`)
  })

  it('at once after the start cancels it, and nothing was written', async t => {
    const options = await newRun(t, 10)
    const { group, joined } = startGroup(new Chronicle(t).handler(), options)
    const stopped = group.stop()
    await rejection(joined, 'NOT_RUNNING')
    await stopped
    await group.finished
    assert.equal(group.state, 'stopped')
    const zookeeper = await openZooKeeper(t)
    assert.equal(await zookeeper.read(`/consumers/${options.groupId}`), undefined)
  })

  it('while the member joins cancels the start and leaves', async t => {
    const options = await newRun(t, 10)
    const { group, joined } = startGroup(new Chronicle(t).handler(), options)
    group.on('group:state', ({ to }) => {
      if (to === 'joining') void group.stop()
    })
    await rejection(joined, 'NOT_RUNNING')
    await group.finished
    await assertLeft(t, options)
  })

  it('called twice gives the same promise, and the group is stopped when a block that uses it ends', async t => {
    const options = await newRun(t, 10)
    const chronicle = new Chronicle(t)
    let seen: Group
    {
      await using group = await runMember(t, chronicle.handler(), options)
      seen = group
      await handled(group, 10)
    }
    assert.equal(seen.state, 'stopped')
    assert.equal(seen.stop(), seen.stop())
    await assertLeft(t, options)
    assert.deepEqual(await readOffsets(options.groupId, options.topics[0]!), [10])
    await rejection(seen.commit(), 'NOT_RUNNING')
  })
})
