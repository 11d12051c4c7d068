import assert from 'node:assert/strict'
import { THIS_PROCESS } from '#src/coordinator/progress/open-claim.js'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { isGroupError } from '#src/shared/errors.js'
import { failOnLeaks } from '../support/leaks.ts'
import { joinedProbe, openProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const PERSISTENT = '0000000000000000'

describe('a group in ZooKeeper looks to classic tools as they expect', () => {
  it('writes nothing before it joins, and then exactly the classic nodes and those of its own progress', async t => {
    const view = await openZooKeeper(t)
    const probe = await openProbe(t, { memberId: 'host-17-ABC', subscription: { t: 2 } })
    const group = `/consumers/${probe.groupId}`
    await probe.storage.readOffsets(probe.groupId, ['t'])
    await probe.storage.listBrokers()
    assert.equal(await view.read(group), undefined)

    const before = Date.now()
    await probe.join()
    const id = await view.read(`${group}/ids/host-17-ABC`)
    const stamp = (JSON.parse(id!.text) as { timestamp: string }).timestamp
    assert.equal(
      id!.text,
      `{"version":1,"subscription":{"t":2},"pattern":"static","timestamp":"${stamp}","kwg":{"version":1,"process":"${THIS_PROCESS}"}}`,
    )
    assert.ok(Number(stamp) >= before && Number(stamp) <= Date.now())
    assert.notEqual(id!.ephemeralOwner, PERSISTENT)
    for (const parent of ['ids', 'owners', 'owners/t', 'offsets', 'offsets/t', 'progress', 'progress/t'])
      assert.equal((await view.read(`${group}/${parent}`))?.ephemeralOwner, PERSISTENT, parent)
    assert.deepEqual(await view.list(group), ['ids', 'offsets', 'owners', 'progress'])
  })

  it('writes owners and offsets byte for byte', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t, { memberId: 'host-17-ABC', subscription: { t: 2 } })
    const group = `/consumers/${probe.groupId}`
    const claim = await probe.claim(3)
    const owner = await view.read(`${group}/owners/t/3`)
    assert.equal(owner!.text, 'host-17-ABC-1')
    assert.equal(owner!.ephemeralOwner, (await view.read(`${group}/ids/host-17-ABC`))!.ephemeralOwner)
    assert.equal(claim.epoch, BigInt(`0x${owner!.czxid}`))
    assert.equal(claim.committedOffset, null)

    await probe.storage.commit(claim, 1_234)
    const offset = await view.read(`${group}/offsets/t/3`)
    assert.equal(offset!.text, '1234')
    assert.equal(offset!.ephemeralOwner, PERSISTENT)
    await probe.storage.release(claim, 1_300)
    assert.equal((await view.read(`${group}/offsets/t/3`))!.text, '1300')
    assert.equal(await view.read(`${group}/owners/t/3`), undefined)
  })

  it('leaves the parents behind when it leaves, and nothing else', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    await probe.claim(0)
    await probe.storage.leave()
    await probe.storage.leave()
    const group = `/consumers/${probe.groupId}`
    assert.deepEqual(await view.list(`${group}/ids`), [])
    assert.deepEqual(await view.list(`${group}/owners`), ['t'])
    assert.deepEqual(await view.list(`${group}/owners/t`), [])
    assert.deepEqual(probe.lost, [], 'leaving is not losing')
  })

  it('creates a chroot that is missing, when it joins', async t => {
    const view = await openZooKeeper(t)
    const chroot = `/chroot-${randomUUID()}`
    const probe = await openProbe(t, { chroot: `${chroot}/nested` })
    assert.deepEqual(await probe.storage.listBrokers(), [])
    assert.deepEqual(await probe.storage.readOffsets('g', ['t']), [])
    assert.equal(await view.read(chroot), undefined)
    await probe.join()
    const claim = await probe.claim(0)
    await probe.storage.release(claim, 5)
    assert.equal((await view.read(`${chroot}/nested/consumers/${probe.groupId}/offsets/t/0`))!.text, '5')
  })

  it('finds the brokers that are registered', async t => {
    const probe = await openProbe(t)
    const brokers = await probe.storage.listBrokers()
    assert.equal(brokers[0]!.nodeId, 0)
    assert.equal(brokers[0]!.host, '127.0.0.1')
  })

  it('pins start offsets for all partitions in order and in one transaction, and lets stored ones stand', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    const { groupId, storage } = probe
    const offsets = `/consumers/${groupId}/offsets/t`
    await view.write(`${offsets}/1`, '77')
    await view.write(`${offsets}/3`, '-1')
    await storage.pinStartOffsets(
      [3, 0, 2, 1].map(partition => ({ topic: 't', partition, offset: partition * 10, topicId: 'id' })),
    )
    assert.deepEqual(await storage.readOffsets(groupId, ['t']), [
      { topic: 't', partition: 0, offset: 0 },
      { topic: 't', partition: 1, offset: 77 },
      { topic: 't', partition: 2, offset: 20 },
      { topic: 't', partition: 3, offset: 30 },
    ])
    const [zero, two, three] = await Promise.all(
      [0, 2, 3].map(partition => view.read(`${offsets}/${partition}`)),
    )
    assert.equal(zero!.czxid, two!.czxid)
    assert.equal(zero!.mzxid, three!.mzxid)
    const progress = `/consumers/${groupId}/progress/t`
    assert.deepEqual(await view.list(progress), ['0', '2', '3'])
    assert.equal((await view.read(`${progress}/2`))!.mzxid, two!.mzxid, 'beside its offset')
    await storage.pinStartOffsets([{ topic: 't', partition: 0, offset: 999, topicId: 'id' }])
    assert.equal((await view.read(`${offsets}/0`))!.text, '0')
  })

  it('pins the start offsets of ten thousand partitions', async t => {
    const { groupId, storage } = await joinedProbe(t)
    const starts = Array.from({ length: 10_000 }, (_none, partition) => ({
      topic: 't',
      partition,
      offset: partition,
    }))
    await storage.pinStartOffsets(starts.map(start => ({ ...start, topicId: 'id' })))
    assert.deepEqual(await storage.readOffsets(groupId, ['t']), starts)
  })

  it('names a corrupt offset node and never takes it for 0', async t => {
    const view = await openZooKeeper(t)
    const probe = await joinedProbe(t)
    const path = `/consumers/${probe.groupId}/offsets/t/4`
    const namesIt = (error: unknown): boolean =>
      isGroupError(error, 'OFFSET_CORRUPT') && error.message.includes(path)
    for (const text of ['', 'abc', '9007199254740992', '-2']) {
      await view.write(path, text)
      await assert.rejects(probe.storage.readOffsets(probe.groupId, ['t']), namesIt)
      await assert.rejects(probe.claim(4), namesIt)
      await assert.rejects(
        probe.storage.pinStartOffsets([{ topic: 't', partition: 4, offset: 0, topicId: 'id' }]),
        namesIt,
      )
      assert.equal((await view.read(path))!.text, text)
      assert.deepEqual(await view.list(`/consumers/${probe.groupId}/owners/t`), [], 'it is not kept claimed')
    }
  })
})
