import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { Ledger } from '../support/ledger.ts'
import { readOwners } from '../support/owners.ts'
import { runMember, running } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 6

describe('members of one group that read different topics', () => {
  it('own every partition of what they read, and nothing else; one that reads both gets a share of each', async t => {
    const [apples, pears] = [
      await createTopic(t, { partitions: PARTITIONS }),
      await createTopic(t, { partitions: PARTITIONS }),
    ]
    const groupId = uniqueGroup()
    const ledger = new Ledger(t)
    const member = (memberId: string, ...topics: string[]): Promise<Group> =>
      runMember(t, ledger.handler(), {
        groupId,
        memberId,
        topics,
        zookeeper: sharedStack().zookeeper,
        threads: 1,
      })
    const zookeeper = await openZooKeeper(t)
    /** Who holds each partition, from the owner nodes. */
    const owners = async (topic: string): Promise<(string | undefined)[]> => {
      const texts = await readOwners(zookeeper, groupId, topic, PARTITIONS)
      return texts.map(text => text?.slice(0, text.lastIndexOf('-')))
    }

    const readsApples = await member('reads-apples', apples)
    let released = 0
    readsApples.on('partition:released', () => (released += 1))
    const readsPears = await member('reads-pears', pears)
    await eventually(
      () =>
        running(readsApples, apples).length === PARTITIONS &&
        running(readsPears, pears).length === PARTITIONS,
    )
    assert.deepEqual(await owners(apples), Array(PARTITIONS).fill('reads-apples'))
    assert.deepEqual(await owners(pears), Array(PARTITIONS).fill('reads-pears'))
    assert.equal(released, 0)

    const readsBoth = await member('reads-both', apples, pears)
    const half = PARTITIONS / 2
    await eventually(
      () =>
        running(readsBoth, apples).length === half &&
        running(readsBoth, pears).length === half &&
        running(readsApples, apples).length === half &&
        running(readsPears, pears).length === half,
    )
    assert.deepEqual(new Set(await owners(apples)), new Set(['reads-apples', 'reads-both']))
    assert.deepEqual(new Set(await owners(pears)), new Set(['reads-pears', 'reads-both']))

    await readsPears.stop()
    await eventually(() => running(readsBoth, pears).length === PARTITIONS)
    const values = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: 'v' }))
    await Promise.all([produce(apples, values), produce(pears, values)])
    await eventually(() => ledger.count === 2 * PARTITIONS, { message: () => `${ledger.count} records` })
    assert.equal(released, half, 'moved once, and to stay')
  })
})
