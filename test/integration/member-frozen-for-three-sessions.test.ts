// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { countByRecord, firstDisorder, Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { OffsetsWatch } from '../support/offsets-watch.ts'
import { sharedStack } from '../support/stack.ts'

failOnLeaks()

const SESSION_MS = 1200
const FREEZE_MS = 3 * SESSION_MS
const PARTITIONS = 4
const RECORDS = 80_000
const BURN_MS = 0.03
const THREADS = 2
/** Handlers that a thread may start after the thaw: the one it was about to start, and what 100 µs of work are. */
const MAY_START = THREADS * (1 + Math.ceil(0.1 / BURN_MS))

describe('a member frozen by SIGSTOP for three sessions and continued', () => {
  it('runs at most the records in hand and 100 µs of work more, commits nothing, rejoins by itself', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const handler = ledger.handler({ burnMs: BURN_MS })
    const member = (): MemberProcess =>
      new MemberProcess(t, handler, {
        groupId,
        topics: [topic],
        zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: SESSION_MS },
        threads: THREADS,
        offsetReset: 'earliest',
        commit: { intervalMs: 100 },
      })
    const victim = member()
    const heir = member()
    await Promise.all([victim.event('joined'), heir.event('joined')])
    await eventually(() => victim.claimed.size === PARTITIONS / 2 && heir.claimed.size === PARTITIONS / 2)
    const offsets = await OffsetsWatch.start(t, groupId, topic)
    const before = victim.claimed
    const producing = produceKeyed(topic, RECORDS) // in requests of many records: what a member has got takes it a while
    await eventually(() => ledger.read().some(({ epoch }) => before.has(epoch)), { message: 'it is at work' })

    victim.signal('SIGSTOP')
    const frozenAtMs = Date.now()
    await Promise.all([producing, sleep(FREEZE_MS)]) // what this test is about
    await eventually(() => heir.claimed.size === PARTITIONS, { message: 'the heir has all' })
    const known = victim.events.length
    const thawedAtMs = Date.now()
    victim.signal('SIGCONT')
    const restored = await victim.event('session:restored', known)
    assert.deepEqual(restored.payload, { sameClaims: false })
    await eventually(() => victim.claimed.size === PARTITIONS / 2, { message: 'it has its share again' })
    await produceKeyed(topic, PARTITIONS * 100)
    const records = RECORDS + PARTITIONS * 100
    await eventually(() => countByRecord(ledger.read()).size === records, {
      deadlineMs: 60_000,
      intervalMs: 200,
      message: () => `${countByRecord(ledger.read()).size} of ${records}`,
    })
    for (const one of [victim, heir]) {
      one.signal('SIGTERM')
      assert.equal(await one.exit(), 0, one.errors)
    }

    const entries = ledger.read()
    const late = entries.filter(({ startMs, epoch }) => startMs > thawedAtMs && before.has(epoch))
    t.diagnostic(
      `started under an old claim after ${thawedAtMs - frozenAtMs} ms: ${late.length}, ${MAY_START} at most`,
    )
    assert.ok(late.length <= MAY_START, `${late.length} handlers started under old claims`)
    assert.ok(late.every(({ startMs }) => startMs < thawedAtMs + 50))
    assert.ok(
      entries.some(({ startMs, epoch }) => startMs > restored.atMs && victim.everClaimed.has(epoch)),
      'it takes part again',
    )
    assert.equal(firstDisorder(entries), null)
    assert.ok(!heir.errorCodes.includes('FOREIGN_WRITE'), 'nobody else wrote to what the heir had claimed')
    assert.deepEqual(offsets.backwards, [])
    assert.deepEqual(await offsets.current(), await endOffsets(topic))
  })
})
