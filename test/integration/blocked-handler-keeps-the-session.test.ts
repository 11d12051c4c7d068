// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTopic, produceKeyed, uniqueGroup } from '../support/kafka.js'
import { Ledger, countByRecord, firstDisorder } from '../support/ledger.js'
import { handled, runMember } from '../support/running-group.js'
import { sharedStack } from '../support/stack.js'

const SESSION_MS = 2000
const BLOCK_MS = 3 * SESSION_MS
const RECORDS = 400

async function loopDelayP99Ms(during: Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 10 })
  histogram.enable()
  await during
  histogram.disable()
  return histogram.percentile(99) / 1e6
}

describe('a handler that blocks its thread', () => {
  it('for three sessions does not lose the session, the claims or the order, and leaves the main thread as responsive as an idle one', async t => {
    const stack = sharedStack()
    const topic = await createTopic(t, { partitions: 4 })
    await produceKeyed(topic, RECORDS)
    const idleMs = await loopDelayP99Ms(sleep(1000))
    const ledger = new Ledger(t)
    const group = await runMember(t, ledger.handler({ block: `1:5:${BLOCK_MS}`, burnMs: 1 }), {
      groupId: uniqueGroup(),
      topics: [topic],
      zookeeper: { servers: stack.zookeeper, sessionTimeoutMs: SESSION_MS },
    })
    assert.equal(group.status().session.timeoutMs, SESSION_MS)
    const lost: string[] = []
    group.on('session:lost', ({ reason }) => lost.push(reason))
    group.on('partition:released', ({ reason }) => lost.push(reason))
    const startedMs = performance.now()
    const busyMs = await loopDelayP99Ms(handled(group, RECORDS))
    assert.ok(performance.now() - startedMs > BLOCK_MS, 'the handler did not block')
    assert.deepEqual(lost, [])
    const entries = ledger.read()
    assert.equal(countByRecord(entries).size, RECORDS)
    assert.equal(entries.length, RECORDS)
    assert.equal(firstDisorder(entries), null)
    assert.ok(busyMs - idleMs < 20, `event loop delay p99 ${busyMs} ms, idle ${idleMs} ms`)
  })
})
