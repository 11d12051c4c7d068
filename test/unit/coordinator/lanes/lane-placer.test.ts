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

function threadsOf(count: number): WorkerThread[] {
  return Array.from(
    { length: count },
    (_, threadId) => ({ threadId, isRunning: true }) as unknown as WorkerThread,
  )
}

function placer(
  threads: number | WorkerThread[],
  weigh: () => Promise<readonly Weighted<TopicPartition>[]>,
): LanePlacer {
  const all = typeof threads === 'number' ? threadsOf(threads) : threads
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

  it('leaves out a thread that is ending: a native call in it would hold up a lane that has nothing to do with it', async () => {
    const threads = threadsOf(2)
    const placed = placer(threads, async () => [{ item: T0, weight: 5 }])
    placed.plan([T0])
    await placed.planned
    Object.assign(threads[0]!, { isRunning: false })
    assert.deepEqual([placed.choose(T0).threadId, placed.choose(T1).threadId], [1, 1])
    Object.assign(threads[1]!, { isRunning: false })
    assert.equal(placed.choose(T0).threadId, 0, 'where all are ending, what takes their place is waited for')
  })
})
