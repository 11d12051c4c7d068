// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import type { RunningStack } from '#src/stack/start-stack.js'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { privateStack, sharedStack } from '../support/stack.ts'
import { StorageProcess } from '../support/storage-process.ts'
import { joinedProbe, type StorageProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const SESSION_MS = 3_000
const LEASE_MS = (SESSION_MS * 2) / 3

/** Resolves when that much time has passed since `startMs`; the length of a freeze is what these tests are about. */
async function passed(startMs: number, lengthMs: number): Promise<void> {
  await eventually(() => performance.now() >= startMs + lengthMs, { intervalMs: 5 })
}

const MOST_FREEZES = 3

/**
 * For two sessions. Resolves with how often the lease was renewed before: never again. A server that thaws may read what is in
 * its socket before it looks at the clock, and then the session lives: that is waited for, and it is frozen once more.
 */
async function freezeUntilExpired(stack: RunningStack, probe: StorageProbe): Promise<number> {
  for (let freezes = 1; ; freezes += 1) {
    const known = probe.events.length
    const told = (event: string): boolean => probe.events.slice(known).includes(event)
    await stack.zookeeperProcess.freeze()
    const frozenAt = performance.now()
    await eventually(() => told('leaseOver'))
    assert.ok(performance.now() - frozenAt <= LEASE_MS + 100, `${performance.now() - frozenAt} ms`)
    const leases = probe.leases.length
    await passed(frozenAt, 2 * SESSION_MS)
    assert.equal(probe.leases.length, leases)
    await stack.zookeeperProcess.thaw()
    await eventually(() => told('expired') || told('restored'), { message: () => probe.events.join() })
    if (told('expired')) return leases
    assert.ok(freezes < MOST_FREEZES, probe.events.join())
  }
}

describe('a frozen ZooKeeper', () => {
  it('costs no claim when it is thawed within 0.6 of the session', async t => {
    const stack = await privateStack(t, { brokers: 0 })
    const view = await openZooKeeper(t, stack.zookeeper)
    const probe = await joinedProbe(t, { address: stack.zookeeper, sessionTimeoutMs: SESSION_MS })
    const claims = await Promise.all([0, 1, 2].map(partition => probe.claim(partition)))
    await stack.zookeeperProcess.freeze()
    const frozenAt = performance.now()
    const calls = claims.map(claim => probe.storage.commit(claim, 1).catch(() => {})) // may be lost or late
    await passed(frozenAt, 0.6 * SESSION_MS)
    await stack.zookeeperProcess.thaw()
    await Promise.all(calls)
    await eventually(() => probe.storage.sessionState === 'connected')
    const leases = probe.leases.length
    await eventually(() => probe.leases.length > leases, { message: 'renewed' })
    for (const claim of claims) {
      await probe.storage.commit(claim, 2)
      const owner = await view.read(`/consumers/${probe.groupId}/owners/t/${claim.partition}`)
      assert.equal(BigInt(`0x${owner!.czxid}`), claim.epoch)
    }
    assert.ok(!probe.events.includes('expired'), probe.events.join())
    assert.deepEqual(probe.lost, [])
    assert.deepEqual(probe.foreignWrites, [])
  })

  it('ends the lease before the session can be over, and then the session', async t => {
    const stack = await privateStack(t, { brokers: 0 })
    const probe = await joinedProbe(t, { address: stack.zookeeper, sessionTimeoutMs: SESSION_MS })
    const claim = await probe.claim(0)
    const leases = await freezeUntilExpired(stack, probe)
    assert.equal(probe.leases.length, leases, 'nothing renewed the old lease')
    await rejection(probe.storage.commit(claim, 1), 'SESSION_EXPIRED')
    await probe.join()
    const again = await probe.claim(0)
    assert.ok(again.epoch > claim.epoch)
    assert.equal(again.committedOffset, null)
  })

  it('is survived also when it is killed and started again within the session', async t => {
    const stack = await privateStack(t, { brokers: 0 })
    const probe = await joinedProbe(t, { address: stack.zookeeper, sessionTimeoutMs: 20_000 })
    const claim = await probe.claim(0)
    await probe.storage.commit(claim, 1)
    await stack.zookeeperProcess.kill()
    await probe.told('disconnected')
    await stack.zookeeperProcess.start()
    await probe.told('restored')
    await probe.storage.commit(claim, 2)
    await probe.storage.release(claim, 3)
    assert.deepEqual(probe.events, ['disconnected', 'restored'])
    assert.deepEqual(probe.lost, [])
  })
})

describe('a frozen member', () => {
  it('finds its lease over before anything else, and renews none before it has joined again', async t => {
    const view = await openZooKeeper(t)
    const zookeeper = {
      servers: [sharedStack().zookeeper],
      chroot: '',
      sessionTimeoutMs: SESSION_MS,
      connectTimeoutMs: 5_000,
    }
    const groupId = `g-${randomUUID()}`
    const member = new StorageProcess(t, { zookeeper, groupId, memberId: 'm' })
    await member.told('claimed')
    const heir = await joinedProbe(t, { groupId, sessionTimeoutMs: SESSION_MS })
    const inherited = heir.claim(0)
    member.freeze()
    const claim = await inherited
    const known = member.events.length
    member.thaw()
    await member.told('joined', known)
    const since = member.events.slice(known).map(({ event }) => event)
    assert.equal(since[0], 'leaseOver', since.join())
    assert.ok(since.indexOf('expired') > 0 && since.indexOf('expired') < since.indexOf('joined'))
    assert.ok(!since.slice(0, since.indexOf('expired')).includes('leaseRenewed'), since.join())
    const lefts = member.events.flatMap(({ leftMs }) => leftMs ?? [])
    assert.ok(lefts.every(leftMs => leftMs > 0 && leftMs <= LEASE_MS))

    await heir.storage.commit(claim, 5)
    assert.deepEqual(heir.foreignWrites, [])
    await heir.storage.release(claim, 6)
    await member.told('claimed', known)
    assert.equal(await member.end(), 0)
    assert.deepEqual(
      await view.list(`/consumers/${groupId}/owners/t`),
      [],
      'a session that is closed ends at once',
    )
  })

  it('goes on with its claims when it was frozen within the session', async t => {
    const zookeeper = {
      servers: [sharedStack().zookeeper],
      chroot: '',
      sessionTimeoutMs: SESSION_MS,
      connectTimeoutMs: 5_000,
    }
    const member = new StorageProcess(t, { zookeeper, groupId: `g-${randomUUID()}`, memberId: 'm' })
    await member.told('claimed')
    const frozenAt = performance.now()
    member.freeze()
    await passed(frozenAt, 0.6 * SESSION_MS)
    const known = member.events.length
    member.thaw()
    await member.told('leaseRenewed', known)
    await eventually(() => member.events.length > known + 3)
    const since = new Set(member.events.slice(known).map(({ event }) => event))
    assert.ok(!since.has('expired') && !since.has('claimed') && !since.has('claimLost'), [...since].join())
  })
})
