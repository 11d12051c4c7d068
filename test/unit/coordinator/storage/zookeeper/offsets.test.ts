import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_TRANSACTION_BYTES, type ZooKeeperClient } from '#src/coordinator/storage/zookeeper/client.js'
import { pinStartOffsets, readStored } from '#src/coordinator/storage/zookeeper/offsets.js'
import { GroupPaths } from '#src/coordinator/storage/zookeeper/paths.js'
import { multiBytes } from '#src/coordinator/storage/zookeeper/wire.js'
import type { MultiResult, Op } from '#src/coordinator/storage/zookeeper/znode.js'

const paths = new GroupPaths('', 'a-group')

/** A group of which nothing is stored. Answers the transactions that pin these partitions. */
async function pin(counts: Record<string, number>): Promise<Op[][]> {
  const sent: Op[][] = []
  const client = {
    exists: async () => false,
    getChildren: async () => [],
    create: async () => {},
    getData: async () => null,
    multi: async (ops: readonly Op[]): Promise<MultiResult> => {
      sent.push([...ops])
      return { committed: true, versions: [] }
    },
  } as unknown as ZooKeeperClient
  const starts = Object.entries(counts).flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({
      topic,
      partition,
      offset: 1e12,
      topicId: 'i'.repeat(22),
    })),
  )
  await pinStartOffsets(client, paths, starts)
  for (const ops of sent) assert.ok(multiBytes(ops) <= MAX_TRANSACTION_BYTES)
  return sent
}

function topicsOf(ops: readonly Op[]): string[] {
  return [...new Set(ops.map(({ path }) => path.split('/').at(-2)!))]
}

describe('pinning start offsets', () => {
  it('takes one transaction for all topics as long as they fit', async () => {
    assert.deepEqual((await pin({ a: 1000, b: 1000, c: 1000 })).map(topicsOf), [['a', 'b', 'c']])
  })

  it('never divides a topic that fits: what others find unpinned of it would pass for partitions that came later', async () => {
    assert.deepEqual((await pin({ a: 3000, b: 3000, c: 600 })).map(topicsOf), [['a'], ['b', 'c']])
  })

  it('cuts only a topic that is too large alone, in order', async () => {
    const sent = await pin({ a: 100, b: 10_000 })
    assert.deepEqual(sent.map(topicsOf), [['a'], ['b'], ['b'], ['b']])
    const offsets = sent.flat().filter(({ path }) => path.includes('/offsets/b/'))
    assert.deepEqual(
      offsets.map(({ path }) => Number(path.split('/').at(-1))),
      [...Array(10_000).keys()],
    )
  })
})

describe('reading for which partitions an offset is stored', () => {
  it('counts one that cannot be read, and not one that says there is none', async () => {
    const data = ['abc', '7', '-1']
    const client = {
      getChildren: async () => ['2', '0', '1'],
      getData: async (path: string) => ({
        data: Buffer.from(data[Number(path.split('/').at(-1))]!),
        stat: { version: 0 },
      }),
    } as unknown as ZooKeeperClient
    assert.deepEqual(await readStored(client, paths, ['t']), [
      { topic: 't', partition: 0 },
      { topic: 't', partition: 1 },
    ])
  })
})
