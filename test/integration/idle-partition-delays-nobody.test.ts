// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Producer } from 'kafkajs'
import type { RunGroupOptions } from '#src/index.js'
import { eventually } from '../support/eventually.js'
import { createTopic, openProducer, uniqueGroup } from '../support/kafka.js'
import { Ledger } from '../support/ledger.js'
import { runMember } from '../support/running-group.js'
import { sharedStack } from '../support/stack.js'

const WITHIN_MS = 50
const PROBES = 20
/**
 * The machine is shared and a garbage collection of the broker or a busy neighbour may delay a single probe; a record
 * that waits for a long poll of others comes seconds late, and so would far more than these.
 */
const LATE_ALLOWED = PROBES / 5
/** Far above the limit, so that a record which waits for somebody's long poll cannot be taken for noise. */
const LONG_POLL_MS = 3000
const IDLE = 0
const PROBED = 1
const STUCK = 2
const BATCH_RECORDS = 20
const VALUE = Buffer.alloc(500, 'v')
const FETCH_BYTES = 22_000
const FILLING = Buffer.alloc(2 * FETCH_BYTES, 'f')
const HANDLER_MS = 20

function groupOptions(topic: string): RunGroupOptions {
  return {
    groupId: uniqueGroup(),
    topics: [topic],
    zookeeper: sharedStack().zookeeper,
    threads: 1,
    stopTimeoutMs: 500, // for the stuck record
    fetch: { maxWaitMs: LONG_POLL_MS, maxBytesPerPartition: FETCH_BYTES },
  }
}

/**
 * Milliseconds from a record's timestamp to its handler's start. A record that fills the buffer goes before each, so
 * that the leader is left with a long poll without this partition.
 */
async function probeDelaysMs(producer: Producer, topic: string, ledger: Ledger): Promise<number[]> {
  const delaysMs: number[] = []
  for (let probe = 0; probe < PROBES; probe++) {
    await handleOne(producer, topic, ledger, { value: FILLING, offset: 2 * probe })
    await sleep(HANDLER_MS + Math.random() * 200) // at any moment of the long poll
    const { producedMs, startMs } = await handleOne(producer, topic, ledger, {
      value: 'probe',
      offset: 2 * probe + 1,
    })
    delaysMs.push(startMs - producedMs)
  }
  return delaysMs
}

async function handleOne(
  producer: Producer,
  topic: string,
  ledger: Ledger,
  { value, offset }: { readonly value: Buffer | string; readonly offset: number },
): Promise<{ readonly producedMs: number; readonly startMs: number }> {
  const producedMs = Date.now()
  await producer.send({ topic, messages: [{ partition: PROBED, value, timestamp: String(producedMs) }] })
  const { startMs } = await eventually(
    () => ledger.read().find(one => one.partition === PROBED && one.offset === offset),
    { message: `record ${offset} was handled`, intervalMs: 5 },
  )
  return { producedMs, startMs }
}

function assertMostWithin(delaysMs: readonly number[], t: TestContext): void {
  const rounded = delaysMs.map(delayMs => Math.round(delayMs)).sort((a, b) => a - b)
  t.diagnostic(`delays: ${rounded.join(' ')} ms`)
  assert.ok(rounded.filter(delayMs => delayMs > WITHIN_MS).length <= LATE_ALLOWED, `${rounded.join(' ')} ms`)
}

async function fill(producer: Producer, topic: string, partition: number, batches: number): Promise<void> {
  const messages = Array.from({ length: BATCH_RECORDS }, () => ({ partition, value: VALUE }))
  for (let i = 0; i < batches; i++) await producer.send({ topic, messages })
}

describe('a partition with data', () => {
  it('gets its first record within 50 ms of being produced while another partition of the leader long-polls', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    const producer = await openProducer(t)
    const ledger = new Ledger(t)
    await runMember(t, ledger.handler({ sleepMs: HANDLER_MS }), groupOptions(topic))
    assertMostWithin(await probeDelaysMs(producer, topic, ledger), t)
  })

  it('does so too while a third one is stuck behind a full buffer', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    const producer = await openProducer(t)
    await fill(producer, topic, STUCK, 20)
    const ledger = new Ledger(t)
    const group = await runMember(
      t,
      ledger.handler({ stuck: STUCK, sleepMs: HANDLER_MS }),
      groupOptions(topic),
    )
    await eventually(() => ledger.count === 1, { message: 'the stuck record is in hand' })
    await eventually(() => group.status().partitions[STUCK]!.bufferedBytes >= FETCH_BYTES / 2)
    assertMostWithin(await probeDelaysMs(producer, topic, ledger), t)
    assert.equal(ledger.read().filter(({ partition }) => partition === STUCK).length, 1)
  })

  it('is read on without a pause when it has room again while an idle one long-polls', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    const producer = await openProducer(t)
    const batches = 40
    await fill(producer, topic, PROBED, batches)
    const ledger = new Ledger(t)
    await runMember(t, ledger.handler({ sleepMs: 2 }), groupOptions(topic))
    await eventually(() => ledger.count === batches * BATCH_RECORDS, { deadlineMs: 60_000 })
    const entries = ledger.read()
    const gaps = entries.slice(1).map(({ startMs }, i) => startMs - entries[i]!.startMs)
    const longGaps = gaps.filter(gapMs => gapMs > WITHIN_MS).map(Math.round)
    t.diagnostic(`pauses above ${WITHIN_MS} ms: ${longGaps.join(' ')}`)
    assert.ok(longGaps.length <= batches / 5, `pauses of ${longGaps.join(' ')} ms`)
    assert.ok(!entries.some(({ partition }) => partition === IDLE))
  })
})
