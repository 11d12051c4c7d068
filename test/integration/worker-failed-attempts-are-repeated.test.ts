import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { WorkerSettings } from '#src/shared/protocol.js'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer } from '../support/kafka.ts'
import { inRepository } from '../support/repository.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { WorkerRig } from '../support/worker-rig.ts'

const RECORDS = 60
const LONG_MS = 60_000
const ONCE_A_MINUTE = { attempts: 3, backoffMs: LONG_MS, maxBackoffMs: LONG_MS, jitter: 0 }
const SOON = { attempts: 3, backoffMs: 20, maxBackoffMs: 20, jitter: 0 }

async function rigOn(
  t: TestContext,
  handler: URL,
  settings: Partial<WorkerSettings>,
  { partitions = 1, threads = 1 } = {},
): Promise<WorkerRig> {
  const topic = await createTopic(t, { partitions })
  const producer = await openProducer(t)
  for (let partition = 0; partition < partitions; partition += 1) {
    const messages = Array.from({ length: RECORDS }, (_, i) => ({ partition, value: `value ${i}` }))
    await producer.send({ topic, messages })
  }
  return WorkerRig.start(t, { topic, handler, settings, threads })
}

function told(rig: WorkerRig): string[] {
  return rig.messages.flatMap(message =>
    message.type === 'record-failed' ? [`${message.outcome} ${message.offset} after ${message.attempt}`] : [],
  )
}

describe('a record whose attempt failed', () => {
  it('and that waits for the next one holds only its own lane, and no drain', async t => {
    const chronicle = new Chronicle(t)
    const handler = chronicle.handler({ throwAt: '0:20' })
    const rig = await rigOn(t, handler, { retry: ONCE_A_MINUTE }, { partitions: 2 })
    const [failing, other] = await rig.claimAll(2)
    await eventually(() => other!.floor === RECORDS && failing!.memory.read().waitsFor === 'retry')
    assert.deepEqual(told(rig), ['retry 20 after 1'])
    await failing!.drain() // a minute earlier than the next attempt
    assert.deepEqual([failing!.floor, chronicle.started(0).at(-1)], [20, 20])
    assert.deepEqual(failing!.memory.remainder, { frontier: 21, inHand: [{ offset: 20, attempts: 1 }] })
    assert.equal(rig.failures.length + rig.troubles.length, 0)
  })

  it('keeps its attempts when its lane moves to another thread', async t => {
    const chronicle = new Chronicle(t)
    const settings = { retry: { ...SOON, backoffMs: 1000, maxBackoffMs: 1000 } }
    const rig = await rigOn(t, chronicle.handler({ throwAt: '0:20' }), settings, { threads: 2 })
    const lane = await rig.claim(0)
    await eventually(() => lane.memory.read().waitsFor === 'retry')
    const { atMs } = lane.memory.retry!
    await lane.moveTo(rig.thread(1))
    await eventually(() => lane.memory.read().waitsFor === 'retry')
    assert.equal(lane.memory.retry!.atMs, atMs)
    await eventually(() => rig.failures.length === 1)
    const attempts = chronicle.read('start').filter(({ offset }) => offset === 20)
    assert.deepEqual(
      attempts.map(({ attempt, threadId }) => [attempt, threadId]),
      [
        [1, 0],
        [2, 1],
        [3, 1],
      ],
    )
    assert.equal(lane.floor, 20)
  })

  it('is left out when they are used up, if that is what is wanted', async t => {
    const chronicle = new Chronicle(t)
    const handler = chronicle.handler({ rejectAt: '0:20' })
    const rig = await rigOn(t, handler, { retry: SOON, onFailure: 'skip' })
    const lane = await rig.claim(0)
    await eventually(() => lane.floor === RECORDS)
    assert.deepEqual(told(rig), ['retry 20 after 1', 'retry 20 after 2', 'skipped 20 after 3'])
    assert.equal(chronicle.started(0).length, RECORDS + 2)
  })

  it('stops its lane when its dead letter cannot be stored', async t => {
    const handler = new Chronicle(t).handler({ throwAt: '0:20' })
    const rig = await rigOn(t, handler, { retry: { ...SOON, attempts: 1 }, onFailure: 'dead-letter' })
    const lane = await rig.claim(0)
    await eventually(() => rig.failures.length === 1)
    assert.match(rig.failures[0]!.message, /could not be stored: no dead letters; the partition stops there/)
    assert.equal(lane.floor, 20)
  })
})

describe('an attempt that takes too long', () => {
  it('is told by its signal, and has failed although it settles then', async t => {
    const chronicle = new Chronicle(t)
    const retry = { ...SOON, attempts: 2 }
    const handler = chronicle.handler({ untilAborted: 1 })
    const rig = await rigOn(t, handler, { retry, handlerTimeoutMs: 50 })
    const lane = await rig.claim(0)
    await eventually(() => rig.failures.length === 1)
    assert.deepEqual(
      chronicle.read('end').map(({ offset, reason }) => [offset, reason.replace(/ for .*/, '')]),
      [
        [0, 'the handler took longer than handlerTimeoutMs (50)'],
        [0, 'the handler took longer than handlerTimeoutMs (50)'],
      ],
    )
    assert.equal((rig.failures[0] as Error & { code: string }).code, 'HANDLER_TIMEOUT')
    assert.equal(lane.floor, 0)
  })
})

describe('a batch', () => {
  it('of which some records fail has finished the others, which do not run again', async t => {
    const file = join(temporaryDirectory(t), 'batches')
    const handler = pathToFileURL(inRepository('test/fixtures/handlers/batches.js'))
    for (const [name, value] of Object.entries({ file, fail: '3,8', times: '2' }))
      handler.searchParams.set(name, value)
    const rig = await rigOn(t, handler, { retry: SOON, batchSize: 10, batchWaitMs: 200 })
    const lane = await rig.claim(0)
    await eventually(() => lane.floor === RECORDS)
    const batches = readFileSync(file, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as string[])
    const fresh = (from: number): string[] => Array.from({ length: 10 }, (_, index) => `${from + index}.1`)
    assert.deepEqual(batches, [
      fresh(0),
      ...[['3.2'], ['3.3'], ['8.2'], ['8.3']],
      ...[10, 20, 30, 40, 50].map(fresh),
    ])
    assert.equal(lane.memory.handled, RECORDS)
  })
})
