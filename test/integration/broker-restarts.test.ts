// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
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
const VICTIM = 1
const CONTROL_MS = 4000
const OUTAGE_MS = 4000
/** What is buffered runs out, and moved partitions find their new leader. */
const FIND_LEADER_MS = 1500
const BATCHES = 75
const BATCH_RECORDS = 20
const VALUE = Buffer.alloc(500, 'v')
const HANDLER_MS = 8
/** Two batches: what is buffered lasts for a fraction of a second, so that a broker's absence is felt. */
const FETCH_BYTES = 22_000
/** Starting a Java process takes one of the two cores that the handlers' timers share. */
const SHARE_OF_CONTROL = 0.5

async function filledTopic(
  t: TestContext,
  brokers: readonly string[],
  replicationFactor: number,
): Promise<string> {
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

async function startRun(t: TestContext, stack: RunningStack, topic: string): Promise<Run> {
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
async function controlPace(
  t: TestContext,
  stack: RunningStack,
  topic: string,
  windowMs: number,
): Promise<number[]> {
  const { group, ledger } = await startRun(t, stack, topic)
  const fromMs = Date.now()
  await sleep(windowMs)
  await group.stop()
  return handledIn(ledger.read(), fromMs, fromMs + windowMs).map(count => count / windowMs)
}

async function partitionsLedBy(brokers: readonly string[], topic: string, broker: number): Promise<number[]> {
  const { topics } = await withAdmin(brokers, admin => admin.fetchTopicMetadata({ topics: [topic] }))
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
  it('without replicas: its partitions wait, the others go on, nothing is lost or repeated', async t => {
    const stack = await privateStack(t, { brokers: BROKERS })
    const topic = await filledTopic(t, stack.brokers, 1)
    const ends = await endOffsets(topic, stack.brokers)
    const pace = await controlPace(t, stack, topic, CONTROL_MS)
    const victims = await partitionsLedBy(stack.brokers, topic, VICTIM)
    assert.equal(victims.length, PARTITIONS / BROKERS)
    const run = await startRun(t, stack, topic)
    const fromMs = Date.now()
    await stack.brokerProcess(VICTIM).stop()
    const stoppedMs = Date.now()
    await sleep(OUTAGE_MS)
    const startingMs = Date.now()
    await stack.brokerProcess(VICTIM).start()
    await handledToTheEnd(run, ends)
    const entries = run.ledger.read()
    const others = [...Array(PARTITIONS).keys()].filter(partition => !victims.includes(partition))
    assertKeepPace(others, handledIn(entries, fromMs, startingMs), pace, startingMs - fromMs)
    const early = handledIn(entries, 0, startingMs)
    const waiting = handledIn(entries, stoppedMs + FIND_LEADER_MS, startingMs)
    for (const partition of victims) {
      assert.ok(early[partition]! < ends[partition]!, `partition ${partition} had nothing left to wait with`)
      assert.equal(waiting[partition], 0, `partition ${partition} did not wait`)
    }
  })

  it('with replicas: its partitions move, all go on, nothing is lost or repeated', async t => {
    const stack = await privateStack(t, { brokers: BROKERS })
    const topic = await filledTopic(t, stack.brokers, BROKERS)
    const ends = await endOffsets(topic, stack.brokers)
    const pace = await controlPace(t, stack, topic, CONTROL_MS)
    const victims = await partitionsLedBy(stack.brokers, topic, VICTIM)
    assert.ok(victims.length > 0)
    const run = await startRun(t, stack, topic)
    const fromMs = Date.now()
    await stack.brokerProcess(VICTIM).stop()
    const stoppedMs = Date.now()
    await sleep(OUTAGE_MS)
    const startingMs = Date.now()
    await stack.brokerProcess(VICTIM).start()
    await handledToTheEnd(run, ends)
    const entries = run.ledger.read()
    const others = [...Array(PARTITIONS).keys()].filter(partition => !victims.includes(partition))
    assertKeepPace(others, handledIn(entries, fromMs, startingMs), pace, startingMs - fromMs)
    assertKeepPace(
      victims,
      handledIn(entries, stoppedMs + FIND_LEADER_MS, startingMs),
      pace,
      startingMs - stoppedMs - FIND_LEADER_MS,
    )
  })
})
