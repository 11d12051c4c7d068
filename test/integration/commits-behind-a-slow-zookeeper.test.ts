import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { OffsetsWatch } from '../support/offsets-watch.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'

failOnLeaks()

const RECORDS = 600
const ANSWERS_TAKE_MS = 60

describe('commits every millisecond whose answers come late', () => {
  it('never land after a newer one, nor after the last one of the stop', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    await produceKeyed(topic, RECORDS)
    const groupId = uniqueGroup()
    const gate = await TcpGate.open(t, sharedStack().zookeeper)
    const ledger = new Ledger(t)
    const group = await runMember(t, ledger.handler({ burnMs: 1 }), {
      groupId,
      topics: [topic],
      zookeeper: gate.address,
      kafka: { brokers: [...sharedStack().brokers] },
      threads: 1,
      commit: { intervalMs: 1 },
    })
    let commits = 0
    group.on('offsets:committed', () => (commits += 1))
    const offsets = await OffsetsWatch.start(t, groupId, topic)
    gate.slow(ANSWERS_TAKE_MS / 2) // there and back
    await eventually(() => ledger.count > RECORDS / 2)
    const byHand = group.commit() // beside those of the interval
    await eventually(() => ledger.count === RECORDS)
    await Promise.all([byHand, group.stop()])
    assert.deepEqual(await offsets.current(), await endOffsets(topic))
    assert.deepEqual(offsets.backwards, [])
    assert.ok(commits > 2, `${commits} commits`)
  })
})
