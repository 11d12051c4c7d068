import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LanePlacer } from '#src/coordinator/lanes/lane-placer.js'
import type { OwnedPartition } from '#src/coordinator/partitions/owned-partition.js'
import type { Weighted } from '#src/coordinator/lanes/placement.js'
import type { WorkerThread } from '#src/coordinator/threads/worker-thread.js'
import { deferred } from '#src/shared/deferred.js'
import { silentLogger } from '#src/shared/logger.js'
import type { TopicPartition } from '#src/shared/types.js'

const [T0, T1, T2] = [0, 1, 2].map(partition => ({ topic: 't', partition })) as [
  TopicPartition,
  TopicPartition,
  TopicPartition,
]

function placer(threads: number, weigh: () => Promise<readonly Weighted<TopicPartition>[]>): LanePlacer {
  const all = Array.from({ length: threads }, (_, threadId) => ({ threadId }) as unknown as WorkerThread)
  const partitions: OwnedPartition[] = []
  return new LanePlacer({ threads: () => all, partitions: () => partitions, weigh, logger: silentLogger })
}

describe('the lane placer', () => {
  it('spreads lanes by their backlogs, once these are known', async () => {
    const weighed = deferred<readonly Weighted<TopicPartition>[]>()
    const placed = placer(2, () => weighed.promise)
    placed.plan([T0, T1, T2])
    weighed.resolve([
      { item: T0, weight: 5 },
      { item: T1, weight: 50 },
      { item: T2, weight: 5 },
    ])
    await placed.planned
    const [first, heaviest, third] = [T0, T1, T2].map(partition => placed.choose(partition).threadId)
    assert.equal(first, third)
    assert.notEqual(first, heaviest)
  })

  it('places without backlogs when they cannot be read', async () => {
    const placed = placer(2, () => Promise.reject(new Error('the storage is away')))
    placed.plan([T0])
    await placed.planned
    assert.equal(placed.choose(T0).threadId, 0)
  })

  it('weighs nothing where there is one thread', async () => {
    let asked = 0
    const placed = placer(1, async () => {
      asked += 1
      return []
    })
    placed.plan([T0])
    await placed.planned
    assert.deepEqual([placed.choose(T0).threadId, asked], [0, 0])
  })
})
