// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { progressAt } from '#src/coordinator/progress/progress.js'
import { isGroupError, type ErrorCode } from '#src/shared/errors.js'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import { joinedProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const SESSION_MS = 2_000
const LEASE_MS = (SESSION_MS * 2) / 3

function withCode(code: ErrorCode): (error: unknown) => boolean {
  return error => isGroupError(error, code)
}

describe('two members never hold the same claim', () => {
  it('a claim waits for its holder and is made the instant it lets go', async t => {
    const first = await joinedProbe(t)
    const second = await joinedProbe(t, { groupId: first.groupId })
    for (const partition of [0, 1, 2]) {
      const held = await first.claim(partition)
      const holders: string[] = []
      let claimedAt = 0
      const waiting = second.claim(partition, { onRefused: holder => holders.push(holder) }).then(claim => {
        claimedAt = performance.now()
        return claim
      })
      await eventually(() => holders.length > 0, { message: 'refused' })
      const releasedAt = performance.now()
      await first.storage.release(held, 100 + partition)
      const claim = await waiting
      assert.ok(claimedAt - releasedAt < 150, `${claimedAt - releasedAt} ms`)
      assert.equal(claim.committedOffset, 100 + partition, 'read after the claim was made')
      assert.ok(claim.epoch > held.epoch)
      assert.deepEqual(holders, [`${first.memberId}-0`], 'told once')
    }
  })

  it('a claim is made when the session of its holder ends', async t => {
    const first = await joinedProbe(t)
    const second = await joinedProbe(t, { groupId: first.groupId })
    await first.claim(0)
    let isRefused = false
    const waiting = second.claim(0, { onRefused: () => (isRefused = true) })
    await eventually(() => isRefused, { message: 'refused' })
    await first.storage.close()
    assert.equal((await waiting).partition, 0)
  })

  it('an owner node of this very name is not its own unless its session made it', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    const owner = `/consumers/${probe.groupId}/owners/t/0`
    await view.write(owner, `${probe.memberId}-0`)
    const holders: string[] = []
    const waiting = probe.claim(0, { onRefused: holder => holders.push(holder) })
    await eventually(() => holders.length > 0, { message: 'refused' })
    assert.deepEqual(holders, [`${probe.memberId}-0`])
    const theirs = await view.read(owner)
    await view.remove(owner)
    assert.notEqual((await waiting).epoch, BigInt(`0x${theirs!.czxid}`))
  })

  it('a claim that is given up leaves nothing behind, whenever that is', async t => {
    const view = await openZooKeeper(t)
    const first = await joinedProbe(t)
    const second = await joinedProbe(t, { groupId: first.groupId })
    const owners = `/consumers/${first.groupId}/owners/t`

    const held = await first.claim(0)
    const waiting = new AbortController()
    const refused = second.claim(0, {
      signal: waiting.signal,
      onRefused: () => waiting.abort(new Error('enough')),
    })
    await assert.rejects(refused, /enough/)
    await first.storage.release(held, null)
    assert.deepEqual(await view.list(owners), [])

    const sending = new AbortController()
    const sent = second.claim(1, { signal: sending.signal })
    sending.abort(new Error('too late'))
    await assert.rejects(sent, /too late/)
    assert.deepEqual(await view.list(owners), [])
    assert.equal((await second.claim(1)).partition, 1)
  })

  it('a commit of a claim whose owner node was deleted is refused, and the claim reported lost', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    const claim = await probe.claim(0)
    await probe.storage.commit(claim, 10)
    await view.remove(`/consumers/${probe.groupId}/owners/t/0`)
    await assert.rejects(probe.storage.commit(claim, 20), withCode('CLAIM_LOST'))
    await assert.rejects(probe.storage.release(claim, 20), withCode('CLAIM_LOST'))
    assert.equal(probe.lost.length, 1)
    assert.equal(probe.lost[0]!.claim, claim)
    assert.match(probe.lost[0]!.reason.message, /owners\/t\/0 was deleted/)
    assert.equal((await view.read(`/consumers/${probe.groupId}/offsets/t/0`))!.text, '10')
    assert.equal((await probe.claim(0)).committedOffset, 10)
  })

  it('what a member sends before it hears that its owner node was deleted changes nothing of the heir', async t => {
    const gate = await TcpGate.open(t, sharedStack().zookeeper)
    const view = await openZooKeeper(t)
    const late = await joinedProbe(t, { address: gate.address })
    const heir = await joinedProbe(t, { groupId: late.groupId })
    const [owners, offsets] = ['owners', 'offsets'].map(name => `/consumers/${late.groupId}/${name}/t`)
    const partitions = [0, 1, 2, 3, 4]
    const claims = await Promise.all(partitions.map(partition => late.claim(partition)))
    for (const partition of [0, 1, 2]) await late.storage.commit(claims[partition]!, 5, progressAt(5, null))
    gate.holdAnswers()
    for (const partition of partitions) await view.remove(`${owners}/${partition}`)
    await Promise.all(partitions.map(partition => heir.claim(partition)))
    const sent = [
      late.storage.commit(claims[0]!, 99, progressAt(99, null)),
      late.storage.release(claims[1]!, 99, progressAt(99, null)),
      late.storage.release(claims[2]!, null),
      late.storage.release(claims[3]!, 99), // where nothing is stored
      late.storage.release(claims[4]!, null),
    ].map(call => rejection(call, 'ZOOKEEPER_DISCONNECTED'))
    const last = late.claim(9) // carried out after the others
    await eventually(() => view.read(`${owners}/9`), { message: 'all has arrived' })
    assert.deepEqual(await view.list(owners!), ['0', '1', '2', '3', '4', '9'])
    for (const partition of [0, 1, 2]) assert.equal((await view.read(`${offsets}/${partition}`))!.text, '5')
    assert.equal(await view.read(`${offsets}/3`), undefined)
    gate.reopen()
    await Promise.all([...sent, last])
    await late.told('restored')
    assert.deepEqual(heir.lost, [])
  })

  it('a member that clears away what its earlier session left spares whoever claims at that moment', async t => {
    const gate = await TcpGate.open(t, sharedStack().zookeeper)
    const view = await openZooKeeper(t)
    const earlier = await joinedProbe(t, { sessionTimeoutMs: 30_000 })
    const { groupId } = earlier
    await earlier.claim(0)
    await earlier.storage.abandon()
    const heir = await joinedProbe(t, { groupId })
    const next = await joinedProbe(t, { groupId, address: gate.address, sessionTimeoutMs: 30_000 })
    const owner = `/consumers/${groupId}/owners/t/0`
    const holders: string[] = []
    const patience = new AbortController()
    gate.slow(100)
    const clearing = next.claim(0, { signal: patience.signal, onRefused: holder => holders.push(holder) })
    await eventually(() => gate.delayed >= 2, { message: 'it has read, the answer is on its way' })
    await view.remove(owner)
    const claim = await heir.claim(0)
    await eventually(() => holders.length > 0, { message: 'refused' })
    assert.deepEqual(holders, [`${heir.memberId}-0`])
    assert.equal(BigInt(`0x${(await view.read(owner))!.czxid}`), claim.epoch)
    await heir.storage.commit(claim, 7)
    assert.deepEqual(heir.lost, [])
    patience.abort(new Error('enough'))
    await assert.rejects(clearing, /enough/)
  })

  it('a claim whose owner node was deleted is reported lost without any commit', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    const owner = `/consumers/${probe.groupId}/owners/t/0`
    const claim = await probe.claim(0)
    await view.remove(owner)
    await view.write(owner, 'thief-0')
    await eventually(() => probe.lost.length === 1, { message: 'lost', deadlineMs: 1_000 })
    await assert.rejects(probe.storage.commit(claim, 20), withCode('CLAIM_LOST'))
    assert.equal((await view.read(owner))!.text, 'thief-0', 'only our own nodes are deleted')
  })

  it('an owner node that somebody writes to gets its value back, and the claim stands', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    const owner = `/consumers/${probe.groupId}/owners/t/0`
    const claim = await probe.claim(0)
    await view.write(owner, 'scribble')
    await probe.storage.commit(claim, 10)
    await eventually(async () => (await view.read(owner))!.text === `${probe.memberId}-0`)
    await eventually(() => probe.foreignWrites.length > 0, { message: 'told' })
    await view.write(owner, 'again')
    await eventually(async () => (await view.read(owner))!.text === `${probe.memberId}-0`)
    await probe.storage.release(claim, 11)
    assert.deepEqual(probe.lost, [])
  })

  it("somebody else's write to an offset is reported, and ours stands", async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    const offset = `/consumers/${probe.groupId}/offsets/t/0`
    const claim = await probe.claim(0)
    await probe.storage.commit(claim, 10)
    await probe.storage.commit(claim, 11)
    assert.equal(probe.foreignWrites.length, 0)
    await view.write(offset, '3')
    await probe.storage.commit(claim, 12)
    assert.equal(probe.foreignWrites.length, 1)
    assert.equal((await view.read(offset))!.text, '12')
    await view.remove(offset)
    await probe.storage.commit(claim, 13)
    assert.equal(probe.foreignWrites.length, 2)
    assert.equal((await view.read(offset))!.text, '13')
    await view.remove(`/consumers/${probe.groupId}/offsets`)
    await probe.storage.commit(claim, 14)
    assert.equal((await view.read(offset))!.text, '14')
    await view.write(offset, '4')
    await probe.storage.release(claim, 15)
    assert.equal((await view.read(offset))!.text, '15')
    assert.ok(probe.foreignWrites.every(({ code }) => code === 'FOREIGN_WRITE'))
    assert.deepEqual(probe.lost, [])
  })

  it('commits of one claim land in the order in which they were asked for', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    const claims = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(partition => probe.claim(partition)))
    await Promise.all(
      claims.flatMap(claim => [
        ...Array.from({ length: 50 }, (_none, offset) => probe.storage.commit(claim, offset)),
        probe.storage.release(claim, 50),
      ]),
    )
    for (const { partition } of claims) {
      const node = await view.read(`/consumers/${probe.groupId}/offsets/t/${partition}`)
      assert.equal(node!.text, '50')
      assert.equal(node!.version, 50)
    }
    assert.deepEqual(probe.foreignWrites, [])
  })

  it('refuses everything after close, also a claim that waits', async t => {
    const first = await joinedProbe(t)
    const second = await joinedProbe(t, { groupId: first.groupId })
    await first.claim(0)
    const own = await second.claim(1)
    let isRefused = false
    const waiting = second.claim(0, { onRefused: () => (isRefused = true) })
    await eventually(() => isRefused, { message: 'refused' })
    await Promise.all([second.storage.close(), assert.rejects(waiting, withCode('NOT_RUNNING'))])
    await second.storage.close()
    for (const call of [
      () => second.storage.commit(own, 1),
      () => second.storage.release(own, 1),
      () => second.claim(2),
      () => second.join(),
      () => second.storage.listBrokers(),
      () => second.storage.readOffsets('g', ['t']),
      () => second.storage.pinStartOffsets([]),
    ])
      await assert.rejects(call, error => isGroupError(error))
    assert.equal(second.storage.sessionState, 'closed')
    await second.storage.leave()
  })

  it('nothing is committed while the lease is over, although the session lives', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t, { sessionTimeoutMs: SESSION_MS })
    const group = `/consumers/${probe.groupId}`
    const claim = await probe.claim(0)
    block(LEASE_MS + 50) // as long as this process stood still, it cannot have renewed anything
    const refused = await rejection(probe.storage.commit(claim, 1), 'LEASE_OVER')
    assert.equal(refused.retryable, true)
    await rejection(probe.storage.release(claim, 1), 'LEASE_OVER')
    assert.equal(await view.read(`${group}/offsets/t/0`), undefined)
    await probe.told('leaseOver')
    const leases = probe.leases.length
    await eventually(() => probe.leases.length > leases)
    await probe.storage.commit(claim, 1)
    assert.deepEqual(probe.events, ['leaseOver'])
  })
})

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
