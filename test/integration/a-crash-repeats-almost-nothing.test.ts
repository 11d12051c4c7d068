import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RunGroupOptions } from '#src/index.js'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { countByRecord, Ledger } from '../support/ledger.ts'
import { MemberProcess } from '../support/member-process.ts'
import { handled, runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { isAllButOneStored } from '../support/stored-progress.ts'
import { openZooKeeper } from '../support/zookeeper.ts'

const RECORDS = 100_000
const STUCK = 'stuck'
/** What progress may take beside what is in hand, and for each record in hand. */
const MAX_BYTES = 1024
const IN_HAND_BYTES = 3

function* records(): Generator<{ key: string; value: string }> {
  yield { key: STUCK, value: 'never ends' }
  for (let number = 0; number < RECORDS; number += 1)
    yield { key: `key-${number % 5000}`, value: String(number) }
}

describe('a crash while one record is stuck and 100,000 later ones are finished', () => {
  for (const ordering of ['key', 'none'] as const)
    it(`repeats the stuck one and nothing that was committed, in ${ordering} order`, async t => {
      const topic = await createTopic(t)
      await produce(topic, records())
      const groupId = uniqueGroup()
      const options: RunGroupOptions = {
        groupId,
        topics: [topic],
        zookeeper: { servers: sharedStack().zookeeper, sessionTimeoutMs: 2000 },
        commit: { intervalMs: 200 },
        threads: 2,
        ordering,
        concurrency: 8, // else the stuck record would hold its thread and, in key order, its lane
        offsetReset: 'earliest',
      }
      const [before, after] = [new Ledger(t), new Ledger(t)]
      const member = new MemberProcess(t, before.handler({ ignoreKey: STUCK }), options)
      await eventually(() => before.count === RECORDS + 1, {
        deadlineMs: 120_000,
        message: () => `${before.count} begun: ${member.errors}`,
      })
      const zookeeper = await openZooKeeper(t)
      const node = `/consumers/${groupId}/progress/${topic}/0`
      await eventually(async () => isAllButOneStored(await zookeeper.read(node), RECORDS + 1), {
        message: () => `all of it committed: ${member.errors}`,
      })
      const { data } = (await zookeeper.read(node))!
      assert.ok(data.length <= MAX_BYTES + IN_HAND_BYTES, `progress has ${data.length} bytes`)
      member.signal('SIGKILL')
      await member.exit()

      const group = await runMember(t, after.handler(), options)
      await handled(group, 1)
      await eventually(() => group.status().lag === 0)
      await group.stop()
      assert.deepEqual([...countByRecord(after.read())], [['0/0', 1]])
    })
})
