import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Chronicle } from '../support/chronicle.ts'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { readOffsets } from '../support/zookeeper.ts'

const RECORDS = 10

describe('a lane that starts slowly', () => {
  it('holds nobody up: others run and are committed while its `claimed` hook has not ended', async t => {
    const topic = await createTopic(t, { partitions: 2 })
    const messages = Array.from({ length: RECORDS }, () =>
      [0, 1].map(partition => ({ partition, value: 'v' })),
    )
    await produce(topic, messages.flat())
    const groupId = uniqueGroup()
    const group = await runMember(t, new Chronicle(t).handler({ claimedNeverSettles: 1 }), {
      groupId,
      topics: [topic],
      zookeeper: sharedStack().zookeeper,
      commit: { intervalMs: 100 },
      stopTimeoutMs: 2000,
    })
    assert.equal(group.state, 'running')
    await eventually(async () => (await readOffsets(groupId, topic))[0] === RECORDS)
    assert.deepEqual(
      group.status().partitions.map(one => one.state),
      ['running', 'starting'],
    )
    await group.commit()
    await group.stop()
    assert.deepEqual(await readOffsets(groupId, topic), [RECORDS, 0])
  })
})
