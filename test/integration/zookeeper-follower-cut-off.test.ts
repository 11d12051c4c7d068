// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { countByRecord, firstDisorder, firstOverlap, Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { OffsetsWatch } from '../support/offsets-watch.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import { ZooKeeperEnsemble } from '../support/zookeeper-ensemble.ts'

failOnLeaks()

const SESSION_MS = 1800
const LEASE_MS = (SESSION_MS * 2) / 3
const TICK_MS = 200
/** The follower believes in its leader for longer than the session lasts. */
const SYNC_LIMIT_TICKS = 25
const TOLERANCE_MS = 5
const PARTITIONS = 6
const SHARE = PARTITIONS / 3
const RECORDS = 3000
const BURN_MS = 1

describe('a ZooKeeper follower that is cut off from its leader', () => {
  it('keeps no lease alive by answering pings and reads: a member that knows others goes there and keeps its claims; one that does not starts no handler after the lease', async t => {
    const ensemble = await ZooKeeperEnsemble.start(t, {
      tickTimeMs: TICK_MS,
      syncLimitTicks: SYNC_LIMIT_TICKS,
    })
    const lonely = (await ensemble.followers())[0]!
    const majority = [1, 2, 3].filter(id => id !== lonely).map(id => ensemble.address(id))
    const topic = await createTopic(t, { partitions: PARTITIONS })
    await produceKeyed(topic, RECORDS)
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const [wayOut, openLater] = await Promise.all([
      TcpGate.open(t, majority[0]!),
      TcpGate.open(t, majority[0]!),
    ])
    const member = (servers: string, commitMs = 100): MemberProcess =>
      new MemberProcess(t, ledger.handler({ burnMs: BURN_MS }), {
        groupId,
        topics: [topic],
        zookeeper: { servers, sessionTimeoutMs: SESSION_MS },
        kafka: { brokers: [...sharedStack().brokers] },
        threads: 1,
        offsetReset: 'earliest',
        commit: { intervalMs: commitMs },
      })
    for (const gate of [wayOut, openLater]) gate.shut() // so that both begin on the follower
    // A commit on its way would hold back the answers to reads, too, and thereby end the lease by itself.
    const victim = member(`${ensemble.address(lonely)},${wayOut.address}`, 60_000)
    const nomad = member(`${ensemble.address(lonely)},${openLater.address}`)
    const heir = member(majority.join(','))
    const members = [victim, nomad, heir]
    await eventually(() => members.every(({ claimed }) => claimed.size === SHARE), {
      message: 'a share for each',
    })
    openLater.reopen()
    const offsets = await OffsetsWatch.start(t, groupId, topic, majority[1])
    const before = victim.claimed
    await eventually(() => ledger.read().some(({ epoch }) => before.has(epoch)), { message: 'it is at work' })

    const cutAtMs = Date.now()
    ensemble.cutOff(lonely)
    const lost = await victim.event('session:lost')
    assert.ok(await ensemble.isServing(lonely), 'the follower still answers when the lease is over')
    const leaseMs = lost.atMs - cutAtMs
    assert.ok(leaseMs <= LEASE_MS + 100, `the lease lasted ${leaseMs} ms into the cut`)
    await eventually(() => heir.claimed.size + nomad.claimed.size === PARTITIONS, {
      message: 'the others have all',
      intervalMs: 5,
    })
    const takenAtMs = Date.now()
    assert.ok(await ensemble.isServing(lonely), 'and when the others have taken over')
    wayOut.reopen()
    const restored = await victim.event('session:restored')
    t.diagnostic(
      `after the cut: lease over ${leaseMs} ms, taken over ${takenAtMs - cutAtMs} ms, joined again ${restored.atMs - cutAtMs} ms`,
    )
    assert.deepEqual(restored.payload, { sameClaims: false })
    await eventually(() => members.every(({ claimed }) => claimed.size === SHARE), {
      message: 'it has its share again',
    })
    ensemble.join(lonely)
    await eventually(() => countByRecord(ledger.read()).size === RECORDS, {
      deadlineMs: 60_000,
      intervalMs: 200,
      message: () => `${countByRecord(ledger.read()).size} of ${RECORDS}`,
    })
    for (const one of members) {
      one.signal('SIGTERM')
      assert.equal(await one.exit(), 0, one.errors)
    }

    const entries = ledger.read()
    const late = entries.filter(
      ({ startMs, epoch }) => before.has(epoch) && startMs > cutAtMs + LEASE_MS + TOLERANCE_MS,
    )
    assert.deepEqual(
      late.map(({ startMs }) => startMs - cutAtMs),
      [],
      'handlers that started after the lease',
    )
    const ofNomad = nomad.events.filter(({ event }) => event.startsWith('session:'))
    t.diagnostic(
      `who knows another server: ${ofNomad.map(({ event }) => event).join(', ') || 'no interruption'}`,
    )
    assert.ok(
      ofNomad.every(({ event, payload }) => event === 'session:lost' || payload['sameClaims'] === true),
    )
    const inherited = entries.filter(({ startMs, epoch }) => startMs > lost.atMs && !before.has(epoch))
    assert.ok(inherited.length > 0)
    assert.equal(firstDisorder(entries), null)
    assert.equal(firstOverlap(entries), null)
    assert.deepEqual(offsets.backwards, [])
    for (const { errorCodes } of members)
      assert.ok(!errorCodes.includes('FOREIGN_WRITE'), 'nobody wrote to what another one had claimed')
    assert.deepEqual(await offsets.current(), await endOffsets(topic))
  })
})
