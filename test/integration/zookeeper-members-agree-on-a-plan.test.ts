import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import { joinedProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

describe('the members of a group', () => {
  it('see each other with what they announced, and hear of everybody who comes or goes', async t => {
    const first = await joinedProbe(t, { memberId: 'a', subscription: { t: 2 } })
    const alone = await first.storage.readMembers()
    assert.deepEqual(
      alone.members.map(member => member.memberId),
      ['a'],
    )
    const second = await joinedProbe(t, { memberId: 'b', groupId: first.groupId })
    await eventually(() => first.memberChanges === 1)
    const both = await first.storage.readMembers()
    assert.deepEqual(both.members.map(member => member.memberId).sort(), ['a', 'b'])
    assert.ok(both.version.cversion > alone.version.cversion)
    assert.equal(both.version.czxid, alone.version.czxid)
    const [a, b] = both.members.toSorted((one, other) => (one.memberId < other.memberId ? -1 : 1))
    assert.ok(b!.czxid > a!.czxid)
    assert.match(a!.data.toString(), /"subscription":{"t":2}/)
    await second.storage.leave()
    await eventually(() => first.memberChanges === 2)
    assert.equal((await first.storage.readMembers()).members.length, 1)
  })

  it('store a plan only over the one that they have read, and hear of each', async t => {
    const first = await joinedProbe(t)
    const second = await joinedProbe(t, { groupId: first.groupId })
    const [before, seen] = await Promise.all([first.storage.readPlan(), second.storage.readPlan()])
    assert.equal(before.bytes.length, 0)
    assert.equal(await first.storage.writePlan(Buffer.from('one'), before.version), true)
    assert.equal(await second.storage.writePlan(Buffer.from('two'), seen.version), false)
    await eventually(() => second.planChanges === 1)
    const read = await second.storage.readPlan()
    assert.equal(read.bytes.toString(), 'one')
    assert.equal(await second.storage.writePlan(Buffer.from('two'), read.version), true)
  })

  it('make the plan node anew when somebody deleted it', async t => {
    const member = await joinedProbe(t)
    const plan = await member.storage.readPlan()
    const zookeeper = await openZooKeeper(t)
    await zookeeper.remove(`/consumers/${member.groupId}/plan`)
    await eventually(() => member.planChanges === 1)
    assert.equal(await member.storage.writePlan(Buffer.from('lost'), plan.version), false)
    const again = await member.storage.readPlan()
    assert.equal(await member.storage.writePlan(Buffer.from('kept'), again.version), true)
  })

  it('look again after a connection was lost: a change in between is not missed', async t => {
    const gate = await TcpGate.open(t, sharedStack().zookeeper)
    const first = await joinedProbe(t, { address: gate.address, sessionTimeoutMs: 6_000 })
    await Promise.all([first.storage.readMembers(), first.storage.readPlan()])
    for (let cut = 1; cut <= 3; cut += 1) {
      gate.shut()
      await first.told('disconnected', cut)
      const other = await joinedProbe(t, { groupId: first.groupId, memberId: `other-${cut}` })
      gate.reopen()
      await first.told('restored', cut)
      await eventually(async () => {
        const { members } = await first.storage.readMembers()
        return first.memberChanges >= cut && members.length === 2
      })
      await other.storage.leave()
    }
  })
})
