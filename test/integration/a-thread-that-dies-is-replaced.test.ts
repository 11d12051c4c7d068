import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  assertAllHandled,
  errorAttempts,
  PARTITIONS,
  PER_PARTITION,
  runDeadly,
  type Deaths,
} from '../support/deadly-group.ts'
import { eventually } from '../support/eventually.ts'
import { produce } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { readOwners } from '../support/owners.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper, readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const DEADLINE_MS = 40_000
const NOBODY = Array(PARTITIONS).fill(null)

/** How often threads were replaced, also before anybody could listen. */
const restarts = ({ group }: Deaths): number =>
  group.status().workers.reduce((sum, worker) => sum + worker.restarts, 0)

describe('a thread that dies', () => {
  for (const [what, how] of [
    ['exit', 'a handler exits'],
    ['throw', 'a timer of a handler throws'],
    ['reject', 'a handler leaves a rejection unhandled'],
  ] as const) {
    it(`is replaced when ${how}: its record is run again, the others go on without a repeat`, async t => {
      const deaths = await runDeadly(t, { '1/5': `${what}:2` })
      await assertAllHandled(deaths, { '1/5': 3 })
      assert.deepEqual(deaths.failures, ['1/5 1 HANDLER_KILLED_THREAD', '1/5 2 HANDLER_KILLED_THREAD'])
      assert.deepEqual([deaths.died.length, deaths.replaced.length], [2, 2])
      assert.deepEqual(errorAttempts(deaths), [
        ['WORKER_DIED', 1, 5, 1],
        ['WORKER_DIED', 1, 5, 2],
      ])
    })
  }

  it('is replaced when its memory is used up', async t => {
    const deaths = await runDeadly(t, { '2/3': 'memory:1' }, { threadMemoryMb: 32 })
    await assertAllHandled(deaths, { '2/3': 2 })
    assert.deepEqual(deaths.failures, ['2/3 1 HANDLER_KILLED_THREAD'])
  })

  it('is replaced together with another that dies at the same time, and its replacement with it', async t => {
    const says = Object.fromEntries(
      [0, 1, 2, 3].flatMap(partition => [
        [`${partition}/0`, 'exit:2'],
        [`${partition}/1`, 'exit:1'],
      ]),
    )
    const deaths = await runDeadly(t, says)
    const starts = Object.fromEntries(
      Object.entries(says).map(([name, said]) => [name, said === 'exit:2' ? 3 : 2]),
    )
    await assertAllHandled(deaths, starts)
    assert.equal(deaths.failures.length, 12)
    assert.equal(deaths.died.length, 12)
  })

  it('takes no pause back: a paused partition waits on the new one as it did before', async t => {
    const deaths = await runDeadly(t, { '0/10': 'exit-later:1:300' }, { threads: 1 })
    const { group, topic, handler, replaced } = deaths
    await eventually(() => handler.starts()['0/10'] === 1)
    group.pause(topic, 1)
    await eventually(() => replaced.length === 1)
    await produce(topic, [{ partition: 1, value: 'nothing' }])
    await eventually(() => handler.ends()['0/19'] === 1)
    assert.equal(handler.starts()['1/20'], undefined)
    group.resume(topic, 1)
    await eventually(() => handler.ends()['1/20'] === 1)
  })

  it('is not replaced while the group stops, and what was finished is committed', async t => {
    const { group, handler, replaced, died, groupId, topic } = await runDeadly(
      t,
      { '0/10': 'exit-later:1:500' },
      { threads: 1 },
    )
    await eventually(() => handler.starts()['0/10'] === 1 && handler.ends()['1/19'] === 1)
    await group.stop()
    assert.deepEqual([died.length, replaced.length], [1, 0])
    assert.deepEqual(await readOffsets(groupId, topic), [10, 20, 20, 20])
  })
})

describe('a thread that dies in a hook of the handler module', () => {
  for (const [what, how] of [
    ['exit', 'exits'],
    ['throw', 'leaves a timer that throws, and does not settle'],
  ] as const) {
    it(`is replaced when 'claimed' ${how}: its lanes go on and repeat nothing, and claims are released at the stop`, async t => {
      const inHook = `claimed:${what}:1:1:1`
      const deaths = await runDeadly(t, {}, {}, { inHook })
      await eventually(() => deaths.handler.ended === PARTITIONS * PER_PARTITION, { deadlineMs: DEADLINE_MS })
      assert.equal(restarts(deaths), 1)
      await assertAllHandled(deaths, {})
      assert.deepEqual(deaths.failures, [])
      const view = await openZooKeeper(t)
      assert.deepEqual(await readOwners(view, deaths.groupId, deaths.topic, PARTITIONS), NOBODY)
    })
  }

  it("is replaced when 'released' exits: another member gets the partition, and the other lanes go on", async t => {
    const deaths = await runDeadly(t, {}, { threads: 1 }, { inHook: 'released:exit:*:1:1' })
    const { group, handler, topic, groupId, died, replaced } = deaths
    await eventually(() => handler.ended === PARTITIONS * PER_PARTITION, { deadlineMs: DEADLINE_MS })
    const zookeeper = sharedStack().zookeeper
    const other = await runMember(t, handler.url, { groupId, topics: [topic], zookeeper, threads: 1 })
    await eventually(() => [group, other].every(one => one.status().partitions.length === PARTITIONS / 2), {
      deadlineMs: DEADLINE_MS,
    })
    await produce(
      topic,
      Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: 'nothing' })),
    )
    await eventually(() => handler.ended === PARTITIONS * (PER_PARTITION + 1), { deadlineMs: DEADLINE_MS })
    assert.deepEqual([died, replaced], [[0], [0]])
    await Promise.all([group.stop(), other.stop()])
    assert.deepEqual(Object.values(handler.starts()), Array(PARTITIONS * (PER_PARTITION + 1)).fill(1))
    assert.deepEqual(await readOffsets(groupId, topic), Array(PARTITIONS).fill(PER_PARTITION + 1))
    const view = await openZooKeeper(t)
    assert.deepEqual(await readOwners(view, groupId, topic, PARTITIONS), NOBODY)
  })

  it("holds up no stop when 'released' exits: claims are released, and only what another lane had in hand is left", async t => {
    const deaths = await runDeadly(
      t,
      { '0/10': 'wait:1:60000' },
      { threads: 1 },
      { inHook: 'released:exit:1:1:1' },
    )
    const { group, handler, topic, groupId, died } = deaths
    const all = PARTITIONS * PER_PARTITION
    await eventually(() => handler.ended === all - 10, { deadlineMs: DEADLINE_MS })
    await group.stop()
    assert.deepEqual(died, [0])
    assert.deepEqual(await readOffsets(groupId, topic), [10, 20, 20, 20])
    const view = await openZooKeeper(t)
    assert.deepEqual(await readOwners(view, groupId, topic, PARTITIONS), NOBODY)
  })
})
