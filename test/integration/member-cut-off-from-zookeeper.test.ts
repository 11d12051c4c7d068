// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { countByRecord, firstDisorder, firstOverlap, Ledger } from '../support/ledger.ts'
import { OffsetsWatch } from '../support/offsets-watch.ts'
import { runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const SESSION_MS = 1500
const LEASE_MS = (SESSION_MS * 2) / 3
const PARTITIONS = 4
const TOLERANCE_MS = 5

interface Rig {
  /** Its way to ZooKeeper is the gate. */
  readonly group: Group
  readonly gate: TcpGate
  readonly ledger: Ledger
  readonly groupId: string
  readonly topic: string
  /** Another member, with a way of its own. */
  readonly join: () => Promise<Group>
}

async function gatedMember(t: TestContext, sessionTimeoutMs: number, burnMs = 0): Promise<Rig> {
  const topic = await createTopic(t, { partitions: PARTITIONS })
  const ledger = new Ledger(t)
  const groupId = uniqueGroup()
  const gate = await TcpGate.open(t, sharedStack().zookeeper)
  const start = (servers: string): Promise<Group> =>
    runMember(t, ledger.handler({ burnMs }), {
      groupId,
      topics: [topic],
      zookeeper: { servers, sessionTimeoutMs },
      kafka: { brokers: [...sharedStack().brokers] },
      threads: 1,
      commit: { intervalMs: 100 },
    })
  const group = await start(gate.address)
  return { group, gate, ledger, groupId, topic, join: () => start(sharedStack().zookeeper) }
}

function epochsOf(group: Group): Set<bigint> {
  return new Set(group.status().partitions.flatMap(({ epoch }) => epoch ?? []))
}

describe('a member cut off from ZooKeeper', () => {
  it('for two sessions hands out nothing after its lease, commits nothing over its heir, and takes part again', async t => {
    const records = 4000
    const rig = await gatedMember(t, SESSION_MS, 1)
    const { group, gate, ledger, groupId, topic } = rig
    const heir = await rig.join()
    const foreignWrites: string[] = []
    heir.on('error', ({ code, message }) => code === 'FOREIGN_WRITE' && foreignWrites.push(message))
    await eventually(
      () => running(group).length === PARTITIONS / 2 && running(heir).length === PARTITIONS / 2,
    )
    await produceKeyed(topic, records)
    const offsets = await OffsetsWatch.start(t, groupId, topic)
    const before = epochsOf(group)
    await eventually(() => ledger.read().some(({ epoch }) => before.has(epoch)), { message: 'it is at work' })

    gate.silence()
    const cutAtMs = Date.now()
    await eventually(() => running(heir).length === PARTITIONS, { message: 'the heir has all' })
    await sleep(cutAtMs + 2 * SESSION_MS - Date.now()) // what this test is about
    gate.reopen()
    await eventually(() => running(group).length === PARTITIONS / 2, { message: 'it has its share again' })
    await eventually(() => countByRecord(ledger.read()).size === records, {
      deadlineMs: 60_000,
      intervalMs: 100,
    })
    await Promise.all([group.stop(), heir.stop()])

    const entries = ledger.read()
    const late = entries.filter(
      ({ startMs, epoch }) => before.has(epoch) && startMs > cutAtMs + LEASE_MS + TOLERANCE_MS,
    )
    assert.deepEqual(late, [], 'handed out without a claim')
    assert.equal(firstOverlap(entries), null)
    assert.equal(firstDisorder(entries), null)
    assert.deepEqual(offsets.backwards, [])
    assert.deepEqual(foreignWrites, [], 'nobody else wrote to what the heir had claimed')
    assert.deepEqual(await offsets.current(), await endOffsets(topic))
  })

  it('three times for a third of a session, sees a join afterwards', async t => {
    const sessionMs = 3000
    const rig = await gatedMember(t, sessionMs)
    const { group, gate } = rig
    const restored: boolean[] = []
    group.on('session:restored', ({ sameClaims }) => restored.push(sameClaims))
    for (let cut = 0; cut < 3; cut += 1) {
      gate.shut()
      await sleep(sessionMs / 3) // what this test is about
      gate.reopen()
      await eventually(() => group.status().session.state === 'connected')
    }
    const other = await rig.join()
    await eventually(
      () => running(group).length === PARTITIONS / 2 && running(other).length === PARTITIONS / 2,
      {
        message: 'the join is seen',
      },
    )
    assert.ok(
      restored.every(sameClaims => sameClaims),
      'the session lives on',
    )
  })

  it('in the middle of a rebalance, for a moment or for longer than its session, takes part in it afterwards', async t => {
    const rig = await gatedMember(t, SESSION_MS)
    const { group, gate, groupId } = rig
    const view = await openZooKeeper(t)
    const ids = `/consumers/${groupId}/ids`
    // The news of a join, the look at who is there, the new plan or the releases are lost: each must end well.
    for (const [lostAfterMs, lostForMs] of [
      [0, 50],
      [10, 50],
      [25, 50],
      [30, 1.5 * SESSION_MS],
    ] as const) {
      const joining = rig.join()
      await eventually(async () => (await view.list(ids)).length === 2, { intervalMs: 1 })
      await sleep(lostAfterMs)
      gate.holdAnswers()
      await sleep(lostForMs)
      gate.reopen() // the answers that were held are lost with their connection
      const other = await joining
      await eventually(
        () => running(group).length === PARTITIONS / 2 && running(other).length === PARTITIONS / 2,
        {
          message: `the join is seen, cut ${lostAfterMs} ms after the news for ${lostForMs} ms`,
        },
      )
      await other.stop()
      await eventually(() => running(group).length === PARTITIONS)
    }
  })
})
