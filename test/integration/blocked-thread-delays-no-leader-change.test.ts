// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createTopic, openProducer, uniqueGroup, withAdmin } from '../support/kafka.ts'
import { firstDisorder, Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { privateStack } from '../support/stack.ts'

const BROKERS = 3
const PARTITIONS = 6
const BATCHES = 120
const BATCH_RECORDS = 20
const VALUE = Buffer.alloc(500, 'v')
const HANDLER_MS = 8
/** Two batches: what is buffered lasts for a fraction of a second. */
const FETCH_BYTES = 22_000
/** A killed broker leads on for as long: the first leaders that anybody hears of after its end are still the old ones. */
const BROKER_SESSION_MS = 2_000
const BLOCKING = { partition: 0, offset: 150 }
const BLOCK_MS = 14_000
/** At the end of the block: by then the leaders have moved and were found. */
const JUDGED_MS = 4_000

async function filledTopic(t: TestContext, brokers: readonly string[]): Promise<string> {
  const topic = await createTopic(t, { partitions: PARTITIONS, replicationFactor: BROKERS, brokers })
  const producer = await openProducer(t, brokers)
  const messages = Array.from({ length: PARTITIONS * BATCH_RECORDS }, (_, i) => ({
    partition: i % PARTITIONS,
    value: VALUE,
  }))
  for (let i = 0; i < BATCHES; i++) await producer.send({ topic, messages, acks: -1 })
  return topic
}

async function leadersOf(brokers: readonly string[], topic: string): Promise<number[]> {
  const { topics } = await withAdmin(brokers, admin => admin.fetchTopicMetadata({ topics: [topic] }))
  const leaders: number[] = []
  for (const { partitionId, leader } of topics[0]!.partitions) leaders[partitionId] = leader
  return leaders
}

describe('a thread that a handler blocks', () => {
  it('keeps no other thread from hearing that leaders have moved: partitions of a killed broker go on there', async t => {
    const brokerSettings = { 'zookeeper.session.timeout.ms': String(BROKER_SESSION_MS) }
    const stack = await privateStack(t, { brokers: BROKERS, brokerSettings })
    const topic = await filledTopic(t, stack.brokers)
    const leaders = await leadersOf(stack.brokers, topic)
    const ledger = new Ledger(t)
    const { partition, offset } = BLOCKING
    const block = `${partition}:${offset}:${BLOCK_MS}`
    const group = await runMember(t, ledger.handler({ sleepMs: HANDLER_MS, block }), {
      groupId: uniqueGroup(),
      topics: [topic],
      zookeeper: stack.zookeeper,
      fetch: { maxBytesPerPartition: FETCH_BYTES },
    })
    const { partitions } = group.status()
    const blockedThread = partitions.find(one => one.partition === partition)!.threadId
    const elsewhere = partitions.filter(one => one.threadId !== blockedThread).map(one => one.partition)
    const victim = leaders[elsewhere[0]!]!
    const moving = elsewhere.filter(one => leaders[one] === victim)
    const blocking = await eventually(() =>
      ledger.read().find(entry => entry.partition === partition && entry.offset === offset),
    )
    const blockEndMs = blocking.startMs + BLOCK_MS

    await stack.brokerProcess(victim).kill()
    await eventually(() => Date.now() > blockEndMs, { deadlineMs: 2 * BLOCK_MS })
    const judged = ledger
      .read()
      .filter(({ startMs }) => startMs > blockEndMs - JUDGED_MS && startMs < blockEndMs)
    const handledBy = judged.filter(entry => entry.threadId === blockedThread)
    assert.deepEqual(handledBy, [], 'the handler did not block its thread')
    for (const one of moving) {
      const handled = judged.filter(entry => entry.partition === one).length
      assert.ok(handled > 0, `partition ${one} of the killed broker ${victim} was not handled elsewhere`)
    }
    assert.equal(firstDisorder(ledger.read()), null)
  })
})
