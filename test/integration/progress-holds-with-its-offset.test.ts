import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { pack } from 'msgpackr'
import { decodeProgress } from '#src/coordinator/progress/progress-format.js'
import { claimedBy } from '#src/coordinator/progress/open-claim.js'
import { progressAt } from '#src/coordinator/progress/progress.js'
import { KafkaCluster } from '#src/coordinator/kafka/cluster.js'
import { parseHostPort, type HostPort } from '#src/shared/host-port.js'
import { silentLogger } from '#src/shared/logger.js'
import { atEnd } from '../support/cleanup.ts'
import { connectionOptions } from '../support/kafka-options.ts'
import { eventually } from '../support/eventually.ts'
import { rejection } from '../support/group-error.ts'
import { createTopic, produceKeyed, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { TcpGate } from '../support/tcp-gate.ts'
import { joinedProbe, type StorageProbe } from '../support/zookeeper-member.ts'
import { openZooKeeper, type ZooKeeperView } from '../support/zookeeper.ts'

failOnLeaks()

const at = (offset: number): ReturnType<typeof progressAt> => progressAt(offset, 'an-id')

interface Rig {
  readonly view: ZooKeeperView
  readonly probe: StorageProbe
  readonly offset: string
  readonly progress: string
}

async function probeOf(t: TestContext, address?: string): Promise<Rig> {
  const view = await openZooKeeper(t)
  const probe = await joinedProbe(t, address === undefined ? {} : { address })
  const group = `/consumers/${probe.groupId}`
  return { view, probe, offset: `${group}/offsets/t/0`, progress: `${group}/progress/t/0` }
}

/** Both nodes, as one transaction left them. */
async function assertTogether({ view, offset, progress }: Rig, expected: number): Promise<void> {
  const [stored, beside] = [await view.read(offset), await view.read(progress)]
  assert.equal(stored!.text, String(expected))
  assert.equal(stored!.mzxid, beside!.mzxid)
  assert.deepEqual(decodeProgress(beside!.data, progress), at(expected))
}

describe('progress is stored with its offset', () => {
  it('by commits and releases, in one transaction, and read with the next claim', async t => {
    const rig = await probeOf(t)
    const { probe } = rig
    const claim = await probe.claim(0)
    assert.equal(claim.progress, null)
    for (const offset of [10, 11]) {
      await probe.storage.commit(claim, offset, at(offset))
      await assertTogether(rig, offset)
    }
    await probe.storage.release(claim, 12, at(12))
    await assertTogether(rig, 12)
    assert.deepEqual((await probe.claim(0)).progress, claimedBy(at(12)))
    assert.deepEqual(probe.foreignWrites, [])
  })

  it('and made again where somebody has deleted it', async t => {
    const rig = await probeOf(t)
    const { probe, view, progress } = rig
    const claim = await probe.claim(0)
    await probe.storage.commit(claim, 10, at(10))
    await view.remove(progress)
    await probe.storage.commit(claim, 11, at(11))
    await assertTogether(rig, 11)
    assert.match(probe.foreignWrites[0]!.message, /progress\/t\/0 .* was deleted/)
    await view.remove(`/consumers/${probe.groupId}/progress`)
    await view.remove(`/consumers/${probe.groupId}/offsets`)
    await probe.storage.release(claim, 12, at(12))
    await assertTogether(rig, 12)
  })

  it('whichever answers are lost', async t => {
    const gate = await TcpGate.open(t, sharedStack().zookeeper)
    const rig = await probeOf(t, gate.address)
    const { probe, view, offset } = rig
    const claim = await probe.claim(0)
    gate.holdAnswers()
    const unanswered = rejection(probe.storage.commit(claim, 10, at(10)), 'ZOOKEEPER_DISCONNECTED')
    await eventually(async () => (await view.read(offset))?.text === '10')
    gate.reopen()
    await unanswered
    await probe.told('restored')
    await probe.storage.commit(claim, 11, at(11))
    await assertTogether(rig, 11)
    gate.holdAnswers()
    const releasing = rejection(probe.storage.release(claim, 12, at(12)), 'ZOOKEEPER_DISCONNECTED')
    await eventually(async () => (await view.read(offset))?.text === '12')
    gate.reopen()
    await releasing
    await probe.told('restored', 2)
    await probe.storage.release(claim, 12, at(12))
    await assertTogether(rig, 12)
    assert.deepEqual((await probe.claim(0)).progress, claimedBy(at(12)))
    assert.deepEqual(probe.foreignWrites, [])
  })

  it('and counts for nothing once somebody has moved the offset', async t => {
    const { probe, view, offset, progress } = await probeOf(t)
    const claim = await probe.claim(0)
    await probe.storage.release(claim, 10, at(10))
    await view.write(offset, '4')
    const moved = await probe.claim(0)
    assert.deepEqual([moved.committedOffset, moved.progress], [4, null])
    await probe.storage.commit(moved, 5)
    await probe.storage.release(moved, null)
    assert.deepEqual(decodeProgress((await view.read(progress))!.data, progress), at(10))
    assert.equal((await probe.claim(0)).progress, null, 'nor once it was committed without any')
  })
})

describe('a member', () => {
  it('starts at an offset that was moved by hand while nobody ran', async t => {
    const view = await openZooKeeper(t)
    const topic = await createTopic(t)
    await produceKeyed(topic, 10)
    const ledger = new Ledger(t)
    const options = { groupId: uniqueGroup(), topics: [topic], zookeeper: sharedStack().zookeeper }
    const first = await runMember(t, ledger.handler(), options)
    await eventually(() => ledger.count === 10)
    await first.stop()
    await view.write(`/consumers/${options.groupId}/offsets/${topic}/0`, '7')
    const second = await runMember(t, ledger.handler(), options)
    const errors: unknown[] = []
    second.on('error', error => errors.push(error))
    await eventually(() => ledger.count === 13)
    assert.deepEqual(
      ledger
        .read()
        .slice(10)
        .map(({ offset }) => offset),
      [7, 8, 9],
    )
    assert.deepEqual(errors, [])
  })

  it('reports progress that is corrupt or of another version, and goes on from the offset', async t => {
    const view = await openZooKeeper(t)
    const topic = await createTopic(t, { partitions: 2 })
    await produceKeyed(topic, 10)
    const groupId = uniqueGroup()
    const paths = [0, 1].map(partition => `/consumers/${groupId}/progress/${topic}/${partition}`)
    await view.write(paths[0]!, 'garbage')
    await view.write(paths[1]!, pack([2, 'whatever']))
    for (const partition of [0, 1])
      await view.write(`/consumers/${groupId}/offsets/${topic}/${partition}`, '1')
    const ledger = new Ledger(t)
    const options = { groupId, topics: [topic], zookeeper: sharedStack().zookeeper }
    const group = await runMember(t, ledger.handler(), options)
    const errors: { code: string; path: unknown }[] = []
    group.on('error', ({ code, details }) => errors.push({ code, path: details['path'] }))
    await eventually(() => ledger.count === 8)
    assert.deepEqual(
      errors.sort((a, b) => String(a.path).localeCompare(String(b.path))),
      [
        { code: 'PROGRESS_CORRUPT', path: paths[0] },
        { code: 'FORMAT_UNKNOWN', path: paths[1] },
      ],
    )
    await group.stop()
    const again = await Promise.all(
      paths.map(async path => decodeProgress((await view.read(path))!.data, path)),
    )
    const finished = again.reduce((sum, { frontiers }) => sum + frontiers[0]!, 0)
    assert.equal(finished, 10, 'it has progress again')
  })

  it('knows each topic by the id that ZooKeeper holds', async t => {
    const view = await openZooKeeper(t)
    const topic = await createTopic(t)
    const cluster = new KafkaCluster({ connection: connectionOptions(), logger: silentLogger })
    atEnd(t, () => cluster.close())
    await cluster.connect(sharedStack().brokers.map(parseHostPort) as HostPort[])
    const [described] = await cluster.describeTopics([topic])
    const { text } = (await view.read(`/brokers/topics/${topic}`))!
    assert.equal(described!.topicId, (JSON.parse(text) as { topic_id: string }).topic_id)
    assert.equal(cluster.topicIdOf(topic), described!.topicId)
  })
})
