import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTopic, produceKeyed, uniqueGroup } from '../support/kafka.js'
import { eventually } from '../support/eventually.js'
import { Ledger, countByRecord } from '../support/ledger.js'
import { MemberProcess } from '../support/member-process.js'
import { handled, runMember } from '../support/running-group.js'
import { sharedStack } from '../support/stack.js'
import { readOffsets } from '../support/zookeeper.js'

const RECORDS = 6000
const KILL_AFTER = 2500
const THREADS = 2

describe('kill -9 of a member', () => {
  it('makes a new start handle every record at least once, and twice at most those finished since the last commit plus those in hand', async t => {
    const stack = sharedStack()
    const topic = await createTopic(t, { partitions: 4 })
    const groupId = uniqueGroup()
    await produceKeyed(topic, RECORDS)
    const ledger = new Ledger(t)
    const options = {
      groupId,
      topics: [topic],
      zookeeper: { servers: stack.zookeeper, sessionTimeoutMs: 2000 },
      threads: THREADS,
      commit: { intervalMs: 300 },
      offsetReset: 'earliest' as const,
    }
    const victim = new MemberProcess(t, ledger.handler({ burnMs: 1 }), options)
    await eventually(() => ledger.count >= KILL_AFTER, { deadlineMs: 60_000 })
    victim.signal('SIGKILL')
    assert.equal(await victim.exit(), 'SIGKILL')

    const before = ledger.read()
    const committed = await readOffsets(groupId, topic)
    assert.ok(
      Object.values(committed).some(offset => offset > 0),
      'nothing was committed before the kill',
    )
    const allowedTwice = new Set(
      before
        .filter(({ partition, offset }) => offset >= committed[partition]!)
        .map(({ partition, offset }) => `${partition}/${offset}`),
    )

    const group = await runMember(t, ledger.handler(), options)
    await handled(group, RECORDS - before.length + allowedTwice.size)
    await group.stop()
    const counts = countByRecord(ledger.read())
    assert.equal(counts.size, RECORDS)
    for (const [record, count] of counts)
      assert.ok(
        count === 1 || (count === 2 && allowedTwice.has(record)),
        `${record} was handled ${count} times`,
      )
  })
})
