import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resolveOptions } from '#src/options/resolve.js'
import type { RunGroupOptions } from '#src/options/types.js'
import { optionMessage, optionProblems } from '../../support/option-problems.js'

const least: RunGroupOptions = { groupId: 'thumbnails', topics: ['uploads'], zookeeper: '127.0.0.1:2181' }
const MIB = 1_048_576

function refused(given: Partial<RunGroupOptions>): readonly string[] {
  return optionProblems({ ...least, ...given }).map(({ path }) => path)
}

describe('options about the order of records', () => {
  it('divide keys among lanes, and let many records run at once, where the order allows it', () => {
    const byKey = {
      ordering: 'key',
      lanesPerPartition: 1_024,
      ringBytesPerPartition: MIB,
      concurrency: 100_000,
    } as const
    const resolved = resolveOptions({ ...least, ...byKey })
    assert.deepEqual({ ...resolved, ...byKey }, resolved)
    const none = { ordering: 'none', ringBytesPerPartition: 1_024 * MIB, concurrency: 2 } as const
    assert.deepEqual({ ...resolveOptions({ ...least, ...none }), ...none }.concurrency, 2)
  })

  it('refuse several records of a partition at once in its order, and name the orders that allow it', () => {
    for (const ordering of ['partition', undefined] as const)
      assert.deepEqual(refused({ ordering, concurrency: 2 }), ['concurrency'])
    assert.match(
      optionMessage({ ...least, concurrency: 2 }),
      /concurrency: got 2, expected 1, .*'key' or 'none'/,
    )
  })

  it('refuse lanes but by key, and a ring in the order of the partition', () => {
    assert.deepEqual(refused({ ordering: 'none', lanesPerPartition: 64 }), ['lanesPerPartition'])
    assert.deepEqual(refused({ lanesPerPartition: 1 }), ['lanesPerPartition'])
    assert.deepEqual(refused({ ringBytesPerPartition: 2 * MIB }), ['ringBytesPerPartition'])
  })

  it('refuse batches where each record is handled by itself, and say what to do', () => {
    for (const ordering of ['key', 'none'] as const)
      assert.deepEqual(refused({ ordering, batchSize: 2 }), ['batchSize'])
    const message = optionMessage({ ...least, ordering: 'key', batchSize: 2 })
    assert.match(
      message,
      /batchSize: got 2, expected 1, because .*'key'.*: use ordering 'partition' .*concurrency/,
    )
    assert.equal(resolveOptions({ ...least, batchSize: 2 }).batchSize, 2)
  })

  it('refuse values that are none, one by one', () => {
    const ordering = 'key'
    for (const lanesPerPartition of [0, 1_025, 1.5])
      assert.deepEqual(refused({ ordering, lanesPerPartition }), ['lanesPerPartition'])
    for (const ringBytesPerPartition of [MIB - 1, 1_024 * MIB + 1])
      assert.deepEqual(refused({ ordering, ringBytesPerPartition }), ['ringBytesPerPartition'])
    for (const concurrency of [0, 100_001])
      assert.deepEqual(refused({ ordering, concurrency }), ['concurrency'])
  })
})
