import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createTopic, produce, uniqueGroup } from '../support/kafka.ts'
import { Ledger } from '../support/ledger.ts'
import { runMember } from '../support/running-group.ts'
import { sharedStack } from '../support/stack.ts'
import { statusText } from '../support/status-text.ts'

const RECORDS = 6_000
const STUCK = 'stuck'
const RING_BYTES = 2 ** 20
const MAX_BUFFERED_BYTES = 8 * 2 ** 20
const VALUE = 'x'.repeat(1000)

function* records(): Generator<{ partition: number; key: string; value: string }> {
  yield { partition: 0, key: STUCK, value: VALUE }
  for (let number = 0; number < 2 * RECORDS; number += 1)
    yield { partition: number % 2, key: `key-${number % 500}`, value: VALUE }
}

describe('a stuck lane', () => {
  for (const threads of [1, 2])
    it(`fills its ring and stops the feeding of its partition, and of no other; memory stays within the budget: ${threads} threads`, async t => {
      const topic = await createTopic(t, { partitions: 2 })
      await produce(topic, records())
      const ledger = new Ledger(t)
      const group = await runMember(t, ledger.handler({ ignoreKey: STUCK }), {
        groupId: uniqueGroup(),
        topics: [topic],
        zookeeper: sharedStack().zookeeper,
        ordering: 'key',
        threads,
        concurrency: threads === 1 ? 1 : 4,
        ringBytesPerPartition: RING_BYTES,
        fetch: { maxBufferedBytes: MAX_BUFFERED_BYTES },
        stopTimeoutMs: 2_000,
      })
      const status = (partition: number): ReturnType<typeof group.status>['partitions'][number] =>
        group.status().partitions.find(one => one.partition === partition)!
      const message = (): string => statusText(group)
      await eventually(
        () =>
          status(1).committable === BigInt(RECORDS) && (threads === 1 || status(0).waitsFor === 'ring-full'),
        {
          deadlineMs: 60_000,
          message,
        },
      )
      assert.equal(status(0).committable, 0n)
      assert.equal(status(0).oldestInHand?.offset, 0n)
      if (threads === 1) return // its one thread runs nothing else of the stuck partition
      const ofStuck = ledger.read().filter(({ partition }) => partition === 0).length
      assert.ok(ofStuck > 300 && ofStuck < RECORDS, `${ofStuck} of its partition were handled`)
      const { ring } = status(0)
      assert.ok(ring!.bytes <= ring!.capacityBytes && ring!.capacityBytes < 1.5 * RING_BYTES, message())
      assert.ok(ring!.spread > 300, message())
      const buffered = group.status().partitions.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0)
      assert.ok(buffered <= MAX_BUFFERED_BYTES, message())
    })
})
