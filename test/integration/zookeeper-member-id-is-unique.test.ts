// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { privateStack, sharedStack } from '../support/stack.ts'
import { StorageProcess } from '../support/storage-process.ts'
import { joinedProbe, openProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const SESSION_MS = 1_000
const PATIENCE_MS = 2 * SESSION_MS
const TICK_MS = 200

describe('a member id belongs to one live member', () => {
  it('a second member with the id of a live one is refused after a session and two ticks', async t => {
    const view = await openZooKeeper(t)
    const first = await joinedProbe(t, { memberId: 'same', sessionTimeoutMs: SESSION_MS })
    const second = await openProbe(t, {
      groupId: first.groupId,
      memberId: 'same',
      subscription: { other: 1 },
      sessionTimeoutMs: SESSION_MS,
    })
    const path = `/consumers/${first.groupId}/ids/same`
    const before = await view.read(path)
    const start = performance.now()
    const error = await rejection(second.join(), 'MEMBER_ID_TAKEN')
    const elapsedMs = performance.now() - start
    assert.ok(elapsedMs > SESSION_MS + 2 * TICK_MS && elapsedMs < PATIENCE_MS + 500, `${elapsedMs} ms`)
    assert.ok(error.message.includes('same') && error.message.includes(path))
    assert.deepEqual(await view.read(path), before, 'the node of the first one is not touched')
    assert.deepEqual(first.events, [])
    for (const parent of ['owners', 'offsets'])
      assert.deepEqual(await view.list(`/consumers/${first.groupId}/${parent}`), ['t'], 'nothing was written')
  })

  it('gives up waiting when told to', async t => {
    const first = await joinedProbe(t, { memberId: 'same' })
    const second = await openProbe(t, { groupId: first.groupId, memberId: 'same' })
    const patience = new AbortController()
    const joining = second.join(patience.signal)
    setImmediate(() => patience.abort(new Error('enough')))
    await assert.rejects(joining, /enough/)
  })

  it('takes over from a predecessor that was killed as soon as its session ends', async t => {
    const view = await openZooKeeper(t)
    const groupId = `g-${randomUUID()}`
    const zookeeper = {
      servers: [sharedStack().zookeeper],
      chroot: '',
      sessionTimeoutMs: SESSION_MS,
      connectTimeoutMs: 5_000,
    }
    const predecessor = new StorageProcess(t, { zookeeper, groupId, memberId: 'same' })
    await predecessor.told('claimed')
    await predecessor.kill()
    const successor = await openProbe(t, { groupId, memberId: 'same', sessionTimeoutMs: SESSION_MS })
    const path = `/consumers/${groupId}/ids/same`
    const old = (await view.read(path))!.czxid
    const joining = successor.join()
    await eventually(async () => (await view.read(path))?.czxid !== old, { intervalMs: 5 })
    const goneAt = performance.now()
    await joining
    assert.ok(performance.now() - goneAt < 150, `${performance.now() - goneAt} ms`)
    assert.equal((await successor.claim(0)).partition, 0)
  })

  it('replaces at once what an earlier session of the same process left behind', async t => {
    const stack = await privateStack(t, { brokers: 0 })
    const view = await openZooKeeper(t, stack.zookeeper)
    const options = { address: stack.zookeeper, memberId: 'same', sessionTimeoutMs: 20_000 }
    const first = await joinedProbe(t, options)
    await first.claim(0)
    await stack.zookeeperProcess.freeze()
    await first.storage.close() // in vain: the server cannot hear it
    await stack.zookeeperProcess.thaw()
    const { groupId } = first
    const old = (await view.read(`/consumers/${groupId}/ids/same`))?.ephemeralOwner
    const second = await openProbe(t, { ...options, groupId })
    const start = performance.now()
    await second.join()
    await second.claim(0)
    assert.ok(performance.now() - start < 2_000)
    const owner = await view.read(`/consumers/${groupId}/owners/t/0`)
    assert.notEqual(owner!.ephemeralOwner, old)
    assert.equal(owner!.ephemeralOwner, (await view.read(`/consumers/${groupId}/ids/same`))!.ephemeralOwner)
  })

  it('registers again when somebody deletes or changes its id node', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t, { sessionTimeoutMs: SESSION_MS })
    const path = `/consumers/${probe.groupId}/ids/${probe.memberId}`
    const mine = (await view.read(path))!
    await view.remove(path)
    const again = await eventually(() => view.read(path))
    assert.equal(again.ephemeralOwner, mine.ephemeralOwner)
    await view.write(path, 'scribble')
    await eventually(async () => (await view.read(path))!.text.startsWith('{"version":1'))
    const leases = probe.leases.length
    await eventually(() => probe.leases.length > leases + 2, { message: 'heartbeats succeed again' })
    assert.deepEqual(probe.events, [])
  })

  it('registers again when somebody deletes all id nodes together with the one above them', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t, { sessionTimeoutMs: SESSION_MS })
    const ids = `/consumers/${probe.groupId}/ids`
    const mine = (await view.read(`${ids}/${probe.memberId}`))!
    await view.remove(ids)
    const again = await eventually(() => view.read(`${ids}/${probe.memberId}`))
    assert.equal(again.ephemeralOwner, mine.ephemeralOwner)
    assert.deepEqual(probe.events, [])
  })

  it('gives up its session when somebody else has taken its id', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t, { memberId: 'same', sessionTimeoutMs: SESSION_MS })
    const path = `/consumers/${probe.groupId}/ids/same`
    const claim = await probe.claim(0)
    const other = await openProbe(t, {
      groupId: probe.groupId,
      memberId: 'same',
      sessionTimeoutMs: SESSION_MS,
    })
    const joining = other.join()
    await eventually(() => view.read(path))
    await view.remove(path)
    await joining
    await probe.told('expired')
    assert.deepEqual(probe.events, ['leaseOver', 'expired'])
    await rejection(probe.storage.commit(claim, 1), 'SESSION_EXPIRED')
    await eventually(async () => (await view.list(`/consumers/${probe.groupId}/owners/t`)).length === 0)
    await rejection(probe.join(), 'MEMBER_ID_TAKEN')
  })
})
