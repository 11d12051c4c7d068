import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { Ledger } from '../support/ledger.ts'
import { handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'

const BACKLOGS = [60, 20, 20, 20]

describe('partitions are spread over the threads', () => {
  it('by what waits in them: the heaviest has a thread to itself', async t => {
    const topic = await createTopic(t, { partitions: BACKLOGS.length })
    const messages = BACKLOGS.flatMap((count, partition) =>
      Array.from({ length: count }, () => ({ partition, value: 'v' })),
    )
    await produce(topic, messages)
    const ledger = new Ledger(t)
    const group = await runMember(t, ledger.handler({ burnMs: 10 }), {
      groupId: uniqueGroup(),
      topics: [topic],
      zookeeper: sharedStack().zookeeper,
    })
    const threads = group.status().partitions.map(one => one.threadId)
    const heaviest = threads[0]
    assert.deepEqual(
      threads.map(thread => thread === heaviest),
      [true, false, false, false],
    )
    await handled(group, messages.length)
  })
})
