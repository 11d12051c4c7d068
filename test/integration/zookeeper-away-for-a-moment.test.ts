// Has the machine to itself: it measures time.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import { joinedProbe, type MemberOptions, type StorageProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const SESSION_MS = 1_000
const STORED = { topic: 't', partition: 0, offset: 5 }
const START = { ...STORED, topicId: 'an-id' }

/** A member behind a gate. */
async function gatedMember(
  t: TestContext,
  options: MemberOptions = {},
): Promise<{ gate: TcpGate; probe: StorageProbe }> {
  const gate = await TcpGate.open(t, sharedStack().zookeeper)
  return { gate, probe: await joinedProbe(t, { ...options, address: gate.address }) }
}

describe('what a start asks of ZooKeeper', () => {
  it('waits for a connection that is away for a moment', async t => {
    const { gate, probe } = await gatedMember(t)
    gate.shut()
    await probe.told('disconnected')
    const { storage, groupId } = probe
    const answers = Promise.all([
      storage.listBrokers(),
      storage.pinStartOffsets([START]),
      storage.readOffsets(groupId, ['t']),
      storage.readGroup(groupId),
    ])
    gate.reopen()
    const [brokers, , , group] = await answers
    assert.equal(brokers.length, sharedStack().brokers.length)
    assert.deepEqual(group!.topics, ['t'])
    assert.deepEqual(await storage.readOffsets(groupId, ['t']), [STORED])
  })

  it('is asked again when the connection is lost before the answer', async t => {
    const { gate, probe } = await gatedMember(t)
    gate.holdAnswers()
    const pinning = probe.storage.pinStartOffsets([START])
    const reading = probe.storage.readOffsets(probe.groupId, ['t'])
    gate.reopen()
    await probe.told('disconnected')
    await Promise.all([pinning, reading])
    assert.deepEqual(await probe.storage.readOffsets(probe.groupId, ['t']), [STORED])
  })

  it('fails when the connection stays away for longer than a connect may take', async t => {
    const { gate, probe } = await gatedMember(t, { connectTimeoutMs: 500 })
    gate.shut()
    await probe.told('disconnected')
    const start = performance.now()
    const error = await rejection(probe.storage.readOffsets(probe.groupId, ['t']), 'ZOOKEEPER_DISCONNECTED')
    const elapsedMs = performance.now() - start
    assert.ok(elapsedMs > 450 && elapsedMs < 1_000, `${elapsedMs} ms`)
    assert.match(error.message, /500 ms/)
    await rejection(probe.storage.pinStartOffsets([START]), 'ZOOKEEPER_DISCONNECTED')
  })

  it('fails when the session is over by the time there is a connection', async t => {
    const { gate, probe } = await gatedMember(t, { sessionTimeoutMs: SESSION_MS })
    const view = await openZooKeeper(t)
    gate.shut()
    await probe.told('disconnected')
    const reading = rejection(probe.storage.readOffsets(probe.groupId, ['t']), 'SESSION_EXPIRED')
    await eventually(async () => (await view.list(`/consumers/${probe.groupId}/ids`)).length === 0)
    gate.reopen()
    await reading
  })

  it('fails when the storage is closed meanwhile', async t => {
    const { gate, probe } = await gatedMember(t)
    gate.shut()
    await probe.told('disconnected')
    const reading = rejection(probe.storage.listBrokers(), 'NOT_RUNNING')
    await Promise.all([probe.storage.abandon(), reading])
  })
})
