import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeByClassicTool, startClassicConsumer } from '../support/classic-consumer.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { allHandled, burst } from '../support/mixed-group.ts'
import { eventuallyOwned, eventuallyOwnedBy } from '../support/owners.ts'
import type { PeerProcess } from '../support/peer-process.ts'
import { errorsOf, runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 8
const PER_BURST = 5
/** Of members that are killed. */
const SESSION_MS = 3_000

describe('beside classic Scala consumers', () => {
  it('members divide partitions by range through joins, leaves and kills; nothing is lost', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const view = await openZooKeeper(t)
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const handler = ledger.handler()
    const common = {
      groupId,
      topics: [topic],
      offsetReset: 'earliest' as const,
      zookeeper: { servers: sharedStack().zookeeper },
    }
    const classic = (id: string): Promise<PeerProcess> =>
      startClassicConsumer(t, { groupId, topic, id, threads: 1, sessionMs: SESSION_MS })
    /** By the first letters of the members, which are all different. */
    const owned = (letters: string): Promise<unknown> => eventuallyOwnedBy(view, { groupId, topic, letters })

    await burst(topic, PARTITIONS, PER_BURST)
    const scala = await classic('x')
    await owned('gggggggg')
    const first = await runMember(t, handler, { ...common, memberId: 'a', threads: 2 })
    const errors = errorsOf(first)
    await owned('aaaaaagg')
    await burst(topic, PARTITIONS, PER_BURST)
    const second = new MemberProcess(t, handler, {
      ...common,
      zookeeper: { ...common.zookeeper, sessionTimeoutMs: SESSION_MS },
      memberId: 'b',
      threads: 1,
    })
    await owned('aaaabbgg')
    await burst(topic, PARTITIONS, PER_BURST)
    await allHandled(topic, ledger, [scala])

    scala.signal('SIGKILL')
    await burst(topic, PARTITIONS, PER_BURST)
    await owned('aaaabb[ab][ab]') // what the classic consumer had has moved, and nothing else
    await allHandled(topic, ledger, [scala])

    const another = await classic('y')
    await owned('aaaabbgg')
    await burst(topic, PARTITIONS, PER_BURST)
    second.signal('SIGKILL')
    await owned('aaaaaagg')
    await burst(topic, PARTITIONS, PER_BURST)
    await allHandled(topic, ledger, [scala, another])

    another.signal('SIGTERM')
    await owned('aaaaaaaa')
    await burst(topic, PARTITIONS, PER_BURST)
    await allHandled(topic, ledger, [scala, another])
    await first.stop()
    assert.deepEqual(await readOffsets(groupId, topic), await endOffsets(topic))
    assert.deepEqual(errors, [])
  })

  it('owner nodes name the thread that range assigned when they were made', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const view = await openZooKeeper(t)
    const groupId = uniqueGroup()
    const announced = { version: 1, subscription: { [topic]: 1 }, pattern: 'static', timestamp: '1' }
    await view.write(`/consumers/${groupId}/ids/x`, JSON.stringify(announced))
    await view.write(`/consumers/${groupId}/owners/${topic}/6`, 'x-0')
    await view.write(`/consumers/${groupId}/owners/${topic}/7`, 'x-0')
    await runMember(t, new Ledger(t).handler(), {
      groupId,
      memberId: 'a',
      topics: [topic],
      threads: 2,
      zookeeper: sharedStack().zookeeper,
    })
    await eventuallyOwned(view, groupId, topic, ['a-0', 'a-0', 'a-0', 'a-1', 'a-1', 'a-1', 'x-0', 'x-0'])
  })

  it('ConsumerGroupCommand of Kafka 1.1.1 shows owners, offsets and lag of a group of ours', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const member = (memberId: string): ReturnType<typeof runMember> =>
      runMember(t, ledger.handler(), {
        groupId,
        topics: [topic],
        memberId,
        zookeeper: sharedStack().zookeeper,
        commit: { intervalMs: 200 },
      })
    const members = [await member('host-1-AAAA'), await member('host-2-BBBB')]
    await eventually(() => members.every(group => running(group).length === 4))
    await burst(topic, PARTITIONS, PER_BURST)
    await eventually(async () => (await readOffsets(groupId, topic)).every(offset => offset === PER_BURST))
    for (const group of members) group.pause()
    await burst(topic, PARTITIONS, PER_BURST)

    const shown = await describeByClassicTool(t, groupId)
    const expected = members.flatMap(group =>
      group.status().partitions.map(({ partition }) => ({
        topic,
        partition,
        committed: PER_BURST,
        end: 2 * PER_BURST,
        lag: PER_BURST,
        memberId: group.memberId,
      })),
    )
    const byPartition = (a: { partition: number }, b: { partition: number }): number =>
      a.partition - b.partition
    assert.deepEqual(shown.sort(byPartition), expected.sort(byPartition))
  })
})
