// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import { joinedProbe, openProbe, type MemberOptions, type StorageProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper, type ZooKeeperView } from '../support/zookeeper.ts'

failOnLeaks()

const SESSION_MS = 2_000
const LEASE_MS = (SESSION_MS * 2) / 3

interface Rig {
  readonly gate: TcpGate
  readonly view: ZooKeeperView
  readonly probe: StorageProbe
  readonly group: string
}

/** A member behind a gate; the view goes around it. */
async function gatedMember(t: TestContext, options: MemberOptions = {}): Promise<Rig> {
  const gate = await TcpGate.open(t, sharedStack().zookeeper)
  const view = await openZooKeeper(t)
  const probe = await joinedProbe(t, { sessionTimeoutMs: SESSION_MS, ...options, address: gate.address })
  return { gate, view, probe, group: `/consumers/${probe.groupId}` }
}

function ownersOf({ view, group }: Rig): Promise<string[]> {
  return view.list(`${group}/owners/t`)
}

describe('a lost connection', () => {
  it('within the session keeps every claim, and the same epochs', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    const claims = await Promise.all([0, 1, 2].map(partition => probe.claim(partition)))
    gate.shut()
    await probe.told('disconnected')
    assert.equal(probe.storage.sessionState, 'disconnected')
    await rejection(probe.storage.commit(claims[0]!, 1), 'ZOOKEEPER_DISCONNECTED')
    gate.reopen()
    await probe.told('restored')
    for (const claim of claims) await probe.storage.commit(claim, 7)
    assert.equal((await view.read(`${group}/offsets/t/2`))!.text, '7')
    assert.deepEqual(probe.events, ['disconnected', 'restored'])
    assert.deepEqual(probe.lost, [])
    assert.deepEqual(probe.foreignWrites, [])
  })

  it('reports a claim that was lost meanwhile before it says that the rest is restored', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    const [lost, kept] = await Promise.all([probe.claim(0), probe.claim(1)])
    gate.shut()
    await probe.told('disconnected')
    await view.remove(`${group}/owners/t/0`)
    await view.write(`${group}/owners/t/0`, 'thief-0')
    let lostAtRestore = -1
    const restored = probe.told('restored').then(() => (lostAtRestore = probe.lost.length))
    gate.reopen()
    await restored
    assert.equal(lostAtRestore, 1)
    assert.equal(probe.lost[0]!.claim, lost)
    assert.match(probe.lost[0]!.reason.message, /thief-0/)
    await probe.storage.commit(kept, 3)
    await rejection(probe.storage.commit(lost, 3), 'CLAIM_LOST')
  })

  it('does not take a commit of ours whose answer was lost for one of somebody else', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    const claims = await Promise.all([0, 1].map(partition => probe.claim(partition)))
    await probe.storage.commit(claims[0]!, 1)
    gate.holdAnswers()
    const unanswered = claims.map(claim =>
      rejection(probe.storage.commit(claim, 2), 'ZOOKEEPER_DISCONNECTED'),
    )
    for (const partition of [0, 1])
      await eventually(async () => (await view.read(`${group}/offsets/t/${partition}`))?.text === '2')
    gate.reopen()
    await Promise.all(unanswered)
    await probe.told('restored')
    for (const claim of claims) await probe.storage.commit(claim, 3)
    assert.deepEqual(probe.foreignWrites, [])
    await view.write(`${group}/offsets/t/0`, '0')
    await probe.storage.commit(claims[0]!, 4)
    assert.equal(probe.foreignWrites.length, 1, 'but a foreign one still counts')
  })

  it('lets a release be repeated whose answer was lost', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    const claims = await Promise.all([0, 1].map(partition => probe.claim(partition)))
    gate.holdAnswers()
    const unanswered = [
      rejection(probe.storage.release(claims[0]!, 10), 'ZOOKEEPER_DISCONNECTED'),
      rejection(probe.storage.release(claims[1]!, null), 'ZOOKEEPER_DISCONNECTED'),
    ]
    await eventually(async () => (await view.list(`${group}/owners/t`)).length === 0)
    gate.reopen()
    await Promise.all(unanswered)
    await probe.told('restored')
    await probe.storage.release(claims[0]!, 10)
    await probe.storage.release(claims[1]!, null)
    assert.equal((await view.read(`${group}/offsets/t/0`))!.text, '10')
    assert.deepEqual(probe.lost, [])
    assert.equal((await probe.claim(0)).committedOffset, 10)
  })

  it('does not take a release whose answer was lost for a lost claim once an heir has claimed', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    const heir = await joinedProbe(t, { groupId: probe.groupId })
    const partitions = [0, 1, 2]
    const claims = await Promise.all(partitions.map(partition => probe.claim(partition)))
    gate.holdAnswers()
    const unanswered = [
      rejection(probe.storage.release(claims[0]!, 10), 'ZOOKEEPER_DISCONNECTED'),
      rejection(probe.storage.release(claims[1]!, null), 'ZOOKEEPER_DISCONNECTED'),
      rejection(probe.storage.release(claims[2]!, 10), 'ZOOKEEPER_DISCONNECTED'),
    ]
    const inherited = await Promise.all(partitions.map(partition => heir.claim(partition)))
    await heir.storage.commit(inherited[2]!, 12)
    gate.reopen()
    await Promise.all(unanswered)
    await probe.told('restored')
    await probe.storage.release(claims[0]!, 10)
    await probe.storage.release(claims[1]!, null)
    await probe.storage.release(claims[2]!, 10)
    assert.deepEqual(probe.lost, [])
    assert.equal((await view.read(`${group}/offsets/t/2`))!.text, '12')
    assert.deepEqual(heir.foreignWrites, [])
  })

  it('lets a partition be claimed again whose release was refused: nobody else gets in between', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    const heir = await joinedProbe(t, { groupId: probe.groupId })
    const released = await probe.claim(0)
    await probe.storage.commit(released, 5)
    let isRefused = false
    const inherited = heir.claim(0, { onRefused: () => (isRefused = true) })
    await eventually(() => isRefused, { message: 'the heir waits' })
    gate.shut()
    await probe.told('disconnected')
    await rejection(probe.storage.release(released, 9), 'ZOOKEEPER_DISCONNECTED')
    const claiming = probe.claim(0)
    gate.reopen()
    const claim = await claiming
    assert.equal(claim.committedOffset, 5)
    assert.ok(claim.epoch > released.epoch, 'an epoch names one claim')
    assert.equal(BigInt(`0x${(await view.read(`${group}/owners/t/0`))!.czxid}`), claim.epoch)
    await rejection(probe.storage.commit(released, 6), 'CLAIM_LOST')
    await rejection(probe.storage.release(released, 6), 'CLAIM_LOST')
    await probe.storage.release(claim, 7)
    assert.equal((await inherited).committedOffset, 7)
    assert.deepEqual(probe.lost, [])
    assert.deepEqual(probe.foreignWrites, [])
  })

  it('lets a partition be claimed again whose release never arrived, and one whose release took effect', async t => {
    const rig = await gatedMember(t)
    const { gate, probe } = rig
    const [first, second] = await Promise.all([probe.claim(0), probe.claim(1)])
    gate.holdAnswers()
    const effective = rejection(probe.storage.release(second, 8), 'ZOOKEEPER_DISCONNECTED')
    await eventually(async () => !(await ownersOf(rig)).includes('1'))
    gate.silence()
    const inVain = rejection(probe.storage.release(first, 9), 'ZOOKEEPER_DISCONNECTED')
    gate.reopen()
    await Promise.all([effective, inVain])
    const [again, afresh] = await Promise.all([probe.claim(0), probe.claim(1)])
    assert.deepEqual([again.committedOffset, afresh.committedOffset], [null, 8])
    assert.ok(again.epoch > first.epoch && afresh.epoch > second.epoch)
    await probe.storage.release(again, 3)
    await probe.storage.release(afresh, 9)
    assert.deepEqual(await ownersOf(rig), [])
    assert.deepEqual(probe.lost, [])
  })

  it('leaves nothing behind of a claim made again that is given up', async t => {
    const rig = await gatedMember(t)
    const { gate, probe } = rig
    const released = await probe.claim(0)
    gate.shut()
    await probe.told('disconnected')
    await rejection(probe.storage.release(released, 9), 'ZOOKEEPER_DISCONNECTED')
    const patience = new AbortController()
    const claiming = probe.claim(0, { signal: patience.signal })
    patience.abort(new Error('enough'))
    gate.reopen()
    await assert.rejects(claiming, /enough/)
    await probe.told('restored')
    assert.deepEqual(await ownersOf(rig), [])
    assert.deepEqual(probe.lost, [])
  })

  it('finds out that a claim whose answer was lost is its own', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    gate.holdAnswers()
    const claiming = probe.claim(0)
    const owner = await eventually(() => view.read(`${group}/owners/t/0`))
    gate.reopen()
    const claim = await claiming
    assert.equal(claim.epoch, BigInt(`0x${owner.czxid}`))
    await probe.storage.commit(claim, 1)
  })

  it('deletes the node of a claim that was given up while its answer was lost', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    const patience = new AbortController()
    gate.holdAnswers()
    const claiming = probe.claim(0, { signal: patience.signal })
    await eventually(() => view.read(`${group}/owners/t/0`))
    gate.shut()
    await probe.told('disconnected')
    patience.abort(new Error('enough'))
    await assert.rejects(claiming, /enough/)
    gate.reopen()
    await probe.told('restored')
    assert.deepEqual(await view.list(`${group}/owners/t`), [])
    assert.equal((await probe.claim(0)).partition, 0)
  })

  it('does not stop a claim that waits for its holder', async t => {
    const { gate, probe } = await gatedMember(t)
    const holder = await joinedProbe(t, { groupId: probe.groupId })
    const held = await holder.claim(0)
    const refusals: string[] = []
    const waiting = probe.claim(0, { onRefused: by => refusals.push(by) })
    await eventually(() => refusals.length === 1, { message: 'refused' })
    gate.shut()
    await probe.told('disconnected')
    await holder.storage.release(held, 9)
    gate.reopen()
    assert.equal((await waiting).committedOffset, 9)
    assert.equal(refusals.length, 1)
  })

  it('for longer than the session voids every claim: nothing of the old session is ever written', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    const heir = await joinedProbe(t, { groupId: probe.groupId, sessionTimeoutMs: SESSION_MS })
    const claim = await probe.claim(0)
    await probe.storage.commit(claim, 5)
    const inherited = heir.claim(0)
    gate.silence()
    const silentAt = performance.now()
    await probe.told('leaseOver')
    const overMs = performance.now() - silentAt
    assert.ok(overMs <= LEASE_MS + 50, `the lease was over after ${overMs} ms`)
    const taken = await inherited
    const takenMs = performance.now() - silentAt
    assert.ok(takenMs > overMs, `taken after ${takenMs} ms, over after ${overMs} ms`)
    await heir.storage.commit(taken, 50)
    gate.reopen()
    await probe.told('expired')
    await rejection(probe.storage.commit(claim, 6), 'SESSION_EXPIRED')
    await rejection(probe.storage.release(claim, 6), 'SESSION_EXPIRED')
    await rejection(probe.claim(1), 'SESSION_EXPIRED')
    assert.deepEqual(probe.events, ['leaseOver', 'disconnected', 'expired'])
    assert.equal((await view.read(`${group}/offsets/t/0`))!.text, '50')
    assert.deepEqual(heir.foreignWrites, [])

    const leases = probe.leases.length
    await probe.join()
    assert.ok(probe.leases.length > leases, 'joined with a valid lease')
    await heir.storage.release(taken, 51)
    const again = await probe.claim(0)
    assert.equal(again.committedOffset, 51)
    assert.ok(again.epoch > taken.epoch && taken.epoch > claim.epoch)
    await rejection(probe.storage.commit(claim, 99), 'SESSION_EXPIRED')
  })

  it('ends a claim that waits when the session expires', async t => {
    const { gate, view, probe } = await gatedMember(t)
    const holder = await joinedProbe(t, { groupId: probe.groupId })
    await holder.claim(0)
    let isRefused = false
    const waiting = rejection(probe.claim(0, { onRefused: () => (isRefused = true) }), 'SESSION_EXPIRED')
    await eventually(() => isRefused, { message: 'refused' })
    gate.shut()
    await eventually(async () => (await view.list(`/consumers/${probe.groupId}/ids`)).length === 1)
    gate.reopen()
    await waiting
    await probe.told('expired')
  })

  it('is ended within a short time by close, and leaves nothing running', async t => {
    const { gate, probe } = await gatedMember(t)
    gate.shut()
    await probe.told('disconnected')
    const start = performance.now()
    await probe.storage.close()
    assert.ok(performance.now() - start < 3_000)
  })
})

describe('a server that cannot be reached', () => {
  it('is reported by name within the deadline, and nothing keeps trying', async t => {
    const gate = await TcpGate.open(t, sharedStack().zookeeper)
    gate.shut()
    const start = performance.now()
    const probe = openProbe(t, { address: `${gate.address},127.0.0.1:1`, connectTimeoutMs: 700 })
    const error = await rejection(probe, 'ZOOKEEPER_UNREACHABLE')
    const elapsedMs = performance.now() - start
    assert.ok(elapsedMs > 600 && elapsedMs < 1_500, `${elapsedMs} ms`)
    assert.ok(error.message.includes(gate.address) && error.message.includes('127.0.0.1:1'), error.message)
  })

  it('is waited for by a member that has lost its session, for as long as it takes', async t => {
    const { gate, view, probe, group } = await gatedMember(t)
    gate.shut()
    await eventually(async () => (await view.list(`${group}/ids`)).length === 0)
    gate.reopen()
    await probe.told('expired')
    gate.shut()
    const joining = probe.join()
    await eventually(() => probe.storage.sessionState === 'unconnected', { message: 'trying' })
    gate.reopen()
    await joining
    assert.equal(probe.storage.sessionState, 'connected')
  })
})
