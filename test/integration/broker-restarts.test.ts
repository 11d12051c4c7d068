import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningStack } from '#src/stack/start-stack.js'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.js'
import { createTopic, endOffsets, openProducer, uniqueGroup, withAdmin } from '../support/kafka.js'
import { countByRecord, firstDisorder, Ledger, type LedgerEntry } from '../support/ledger.js'
import { runMember } from '../support/running-group.js'
import { privateStack } from '../support/stack.js'

const BROKERS = 3
const PARTITIONS = 6
const BATCHES = 75
const BATCH_RECORDS = 20
const VALUE = Buffer.alloc(500, 'v')
const HANDLER_MS = 8
/** Two batches: what is buffered lasts for a fraction of a second, so that a broker's absence is felt. */
const FETCH_BYTES = 22_000
/** Starting a Java process takes one of the two cores that the handlers' timers share. */
const SHARE_OF_CONTROL = 0.5

let stack: RunningStack

async function filledTopic(t: TestContext, replicationFactor: number): Promise<string> {
  const { brokers } = stack
  const topic = await createTopic(t, { partitions: PARTITIONS, replicationFactor, brokers })
  const producer = await openProducer(t, brokers)
  const batch = Array.from({ length: PARTITIONS * BATCH_RECORDS }, (_, i) => ({
    partition: i % PARTITIONS,
    value: VALUE,
  }))
  for (let i = 0; i < BATCHES; i++) await producer.send({ topic, messages: batch, acks: -1 })
  return topic
}

interface Run {
  readonly group: Group
  readonly ledger: Ledger
}

async function startRun(t: TestContext, topic: string): Promise<Run> {
  const ledger = new Ledger(t)
  const group = await runMember(t, ledger.handler({ sleepMs: HANDLER_MS }), {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: stack.zookeeper,
    fetch: { maxBytesPerPartition: FETCH_BYTES },
  })
  await eventually(() => handledIn(ledger.read(), 0, Infinity).every(count => count > 40))
  return { group, ledger }
}

/** Records whose handler started in the window, by partition. */
function handledIn(entries: readonly LedgerEntry[], fromMs: number, untilMs: number): number[] {
  const counts = new Array<number>(PARTITIONS).fill(0)
  for (const { partition, startMs } of entries)
    if (startMs >= fromMs && startMs < untilMs) counts[partition]! += 1
  return counts
}

/** Records by partition that an undisturbed run handles per millisecond. */
async function controlPace(t: TestContext, topic: string, windowMs: number): Promise<number[]> {
  const { group, ledger } = await startRun(t, topic)
  const fromMs = Date.now()
  await sleep(windowMs)
  await group.stop()
  return handledIn(ledger.read(), fromMs, fromMs + windowMs).map(count => count / windowMs)
}

async function partitionsLedBy(topic: string, broker: number): Promise<number[]> {
  const { topics } = await withAdmin(stack.brokers, admin => admin.fetchTopicMetadata({ topics: [topic] }))
  return topics[0]!.partitions.filter(({ leader }) => leader === broker).map(({ partitionId }) => partitionId)
}

async function handledToTheEnd({ group, ledger }: Run, ends: readonly number[]): Promise<void> {
  const total = ends.reduce((sum, end) => sum + end, 0)
  await eventually(() => countByRecord(ledger.read()).size >= total, {
    deadlineMs: 90_000,
    intervalMs: 200,
    message: () => `handled ${handledIn(ledger.read(), 0, Infinity).join(' ')} of ${ends.join(' ')}`,
  })
  await group.stop()
  const entries = ledger.read()
  assert.equal(entries.length, total, 'records handled twice')
  assert.equal(firstDisorder(entries), null)
}

/** The partitions of `judged` keep at least the generous share of the control run's pace in the window. */
function assertKeepPace(judged: readonly number[], counts: number[], pace: number[], windowMs: number): void {
  for (const partition of judged) {
    const expected = pace[partition]! * windowMs
    assert.ok(
      counts[partition]! >= SHARE_OF_CONTROL * expected,
      `partition ${partition} handled ${counts[partition]} in ${windowMs} ms, an undisturbed run ${expected.toFixed()}`,
    )
  }
}

describe('one broker of three stopped and started', () => {
  const suite = { after }
  before(async () => {
    stack = await privateStack(suite, { brokers: BROKERS })
  })

  it('without replicas: its partitions wait, the others go on, nothing is lost or repeated', async t => {
    const topic = await filledTopic(t, 1)
    const ends = await endOffsets(topic, stack.brokers)
    const pace = await controlPace(t, topic, 4000)
    const victims = await partitionsLedBy(topic, 1)
    assert.equal(victims.length, PARTITIONS / BROKERS)
    const run = await startRun(t, topic)
    const fromMs = Date.now()
    await stack.brokerProcess(1).stop()
    const stoppedMs = Date.now()
    await sleep(3000)
    const startingMs = Date.now()
    await stack.brokerProcess(1).start()
    await handledToTheEnd(run, ends)
    const entries = run.ledger.read()
    const others = [...Array(PARTITIONS).keys()].filter(partition => !victims.includes(partition))
    assertKeepPace(others, handledIn(entries, fromMs, startingMs), pace, startingMs - fromMs)
    const waiting = handledIn(entries, stoppedMs + 1000, startingMs)
    for (const partition of victims)
      assert.equal(waiting[partition], 0, `partition ${partition} did not wait`)
  })

  it('with replicas: its partitions move, all go on, nothing is lost or repeated', async t => {
    const topic = await filledTopic(t, BROKERS)
    const ends = await endOffsets(topic, stack.brokers)
    const pace = await controlPace(t, topic, 4000)
    const victims = await partitionsLedBy(topic, 1)
    assert.ok(victims.length > 0)
    const run = await startRun(t, topic)
    const fromMs = Date.now()
    await stack.brokerProcess(1).stop()
    const stoppedMs = Date.now()
    await sleep(3000)
    const startingMs = Date.now()
    await stack.brokerProcess(1).start()
    await handledToTheEnd(run, ends)
    const entries = run.ledger.read()
    const others = [...Array(PARTITIONS).keys()].filter(partition => !victims.includes(partition))
    assertKeepPace(others, handledIn(entries, fromMs, startingMs), pace, startingMs - fromMs)
    // The moved ones may need a second to find their new leader, and go on while the old one is away.
    assertKeepPace(
      victims,
      handledIn(entries, stoppedMs + 1000, startingMs),
      pace,
      startingMs - stoppedMs - 1000,
    )
  })
})
