import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, endOffsets, uniqueGroup } from '../support/kafka.ts'
import { failOnLeaks } from '../support/leaks.ts'
import { countByRecord, Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { SteadyLoad } from '../support/steady-load.ts'
import { readOffsets } from '../support/zookeeper.ts'

failOnLeaks()

const PARTITIONS = 12
const JOINERS = 3

/** Offsets of each partition that were handled, in order. */
function handledOffsets(ledger: Ledger): number[][] {
  const offsets = Array.from({ length: PARTITIONS }, () => [] as number[])
  for (const { partition, offset } of ledger.read()) offsets[partition]!.push(offset)
  return offsets.map(of => of.sort((a, b) => a - b))
}

describe("a group that starts at 'latest' while records arrive", () => {
  it('skips none from its start on, however many members join meanwhile', async t => {
    const topic = await createTopic(t, { partitions: PARTITIONS })
    const load = await SteadyLoad.start(t, topic, { partitions: PARTITIONS, recordsPerSecond: 100 })
    await eventually(async () => (await endOffsets(topic)).every(end => end > 0))
    const ledger = new Ledger(t)
    const groupId = uniqueGroup()
    const member = (): Promise<Group> =>
      runMember(t, ledger.handler(), {
        groupId,
        topics: [topic],
        zookeeper: sharedStack().zookeeper,
        threads: 1,
        offsetReset: 'latest',
      })
    // All at once, so that partitions move before anything of them was handled or committed.
    const joining = Array.from({ length: 1 + JOINERS }, member)
    await Promise.race(joining)
    const endsAtStart = await endOffsets(topic)
    const members = await Promise.all(joining)
    const owned = (): number[] => members.map(group => group.status().partitions.length)
    await eventually(() => owned().every(count => count === PARTITIONS / members.length))
    await load.stop()
    const ends = await endOffsets(topic)
    await eventually(() => handledOffsets(ledger).every((offsets, of) => offsets.at(-1) === ends[of]! - 1))

    await Promise.all(members.map(group => group.stop())) // nobody is left who could handle a record once more

    handledOffsets(ledger).forEach((offsets, partition) => {
      assert.ok(offsets[0]! > 0 && offsets[0]! <= endsAtStart[partition]!, `start of partition ${partition}`)
      const expected = Array.from({ length: ends[partition]! - offsets[0]! }, (_, n) => offsets[0]! + n)
      assert.deepEqual(offsets, expected, `partition ${partition}`)
    })
    assert.ok([...countByRecord(ledger.read()).values()].every(times => times === 1))
    assert.deepEqual(await readOffsets(groupId, topic), ends)
  })
})
