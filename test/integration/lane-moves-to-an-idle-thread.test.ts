import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produce, uniqueGroup } from '../support/kafka.ts'
import { Ledger, countByRecord, firstDisorder, type LedgerEntry } from '../support/ledger.ts'
import { handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

const RECORDS = 1_200
const THREADS = 2
const PARTITIONS = 4
const BURN_MS = 2

/** Threads that handled records of one claim of one partition, in their order. */
function threadsOf(entries: readonly LedgerEntry[], partition: number): number[] {
  const threads = entries.filter(entry => entry.partition === partition).map(entry => entry.threadId)
  return threads.filter((thread, index) => thread !== threads[index - 1])
}

/** The partitions that run together with partition 0, and those of the other thread. */
function byThread(group: Group): { loaded: number[]; idle: number[] } {
  const { partitions } = group.status()
  const isLoaded = ({ threadId }: { threadId: number | null }): boolean =>
    threadId === partitions[0]!.threadId
  const loaded = partitions.filter(isLoaded).map(one => one.partition)
  const idle = partitions.filter(one => !isLoaded(one)).map(one => one.partition)
  assert.equal(loaded.length, PARTITIONS / THREADS)
  return { loaded, idle }
}

/** Work for both threads in the partitions of one. */
async function load(topic: string, partitions: readonly number[]): Promise<void> {
  for (const partition of partitions) {
    const values = Array.from({ length: RECORDS }, (_, number) => `value ${number}`)
    await produce(
      topic,
      values.map(value => ({ partition, value })),
    )
  }
}

function assertMoved(entries: readonly LedgerEntry[], loaded: readonly number[]): void {
  const moves = loaded.map(partition => threadsOf(entries, partition))
  assert.ok(
    moves.some(threads => threads.length > 1),
    `no lane moved: ${JSON.stringify(moves)}`,
  )
  for (const partition of loaded) {
    const epochs = new Set(entries.filter(one => one.partition === partition).map(one => one.epoch))
    assert.equal(epochs.size, 1)
  }
  assert.equal(firstDisorder(entries), null)
  assert.equal(countByRecord(entries).size, entries.length)
}

describe('a lane moves to an idle thread', () => {
  it('when its own has work for two, within one claim, in order, each record exactly once', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const groupId = uniqueGroup()
    const ledger = new Ledger(t)
    const group = await runMember(t, ledger.handler({ burnMs: BURN_MS }), {
      groupId,
      topics: [topic],
      zookeeper: sharedStack().zookeeper,
      threads: THREADS,
    })
    const { loaded } = byThread(group)
    await load(topic, loaded)
    await handled(group, RECORDS * loaded.length)
    await group.stop()

    const entries = ledger.read()
    assertMoved(entries, loaded)
    assert.equal(entries.length, RECORDS * loaded.length)
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
  })

  it('whose last async handler settled while its lane was paused', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const ledger = new Ledger(t)
    const group = await runMember(
      t,
      ledger.handler({ burnMs: BURN_MS, sleepMs: 3_000, sleepKey: 'sleeps' }),
      {
        groupId: uniqueGroup(),
        topics: [topic],
        zookeeper: sharedStack().zookeeper,
        threads: THREADS,
      },
    )
    const { loaded, idle } = byThread(group)
    await produce(topic, [{ partition: idle[0]!, key: 'sleeps', value: 'value' }])
    await eventually(() => ledger.count === 1)
    group.pause(topic, idle[0])
    await eventually(() => group.status().partitions[idle[0]!]!.waitsFor === 'paused')
    assert.equal(group.status().handled, 0)
    await handled(group, 1)
    await eventually(() => group.status().workers.every(({ runningForMs }) => runningForMs === null))

    await load(topic, loaded)
    await handled(group, RECORDS * loaded.length + 1)
    await group.stop()
    assertMoved(ledger.read(), loaded)
  })
})
