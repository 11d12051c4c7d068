import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { readZooKeeperLog } from '../../chaos/zookeeper-log.ts'
import { createTopic, endOffsets, produce, produceKeyed, uniqueGroup } from '../../support/kafka.ts'
import { sharedStack } from '../../support/stack.ts'
import { openZooKeeper, readOffsets } from '../../support/zookeeper.ts'

describe('helpers of the integration tests', () => {
  it('create topics on the shared stack and fill them over all partitions', async t => {
    const topic = await createTopic(t, { partitions: 8 })
    await produceKeyed(topic, 100_000)
    const ends = await endOffsets(topic)
    assert.equal(ends.length, 8)
    assert.equal(
      ends.reduce((sum, end) => sum + end),
      100_000,
    )
    assert.ok(ends.every(end => end > 0))
  })

  it('write to the partition that a message names', async t => {
    const topic = await createTopic(t, { partitions: 3 })
    await produce(topic, [
      { partition: 1, value: 'a' },
      { partition: 1, value: null, key: null },
    ])
    assert.deepEqual(await endOffsets(topic), [0, 2, 0])
  })

  it('set topic settings', async t => {
    const topic = await createTopic(t, { config: { 'cleanup.policy': 'compact' } })
    const view = await openZooKeeper(t)
    const node = await view.read(`/config/topics/${topic}`)
    assert.deepEqual(JSON.parse(node!.text), { version: 1, config: { 'cleanup.policy': 'compact' } })
  })

  it('read, write, list and remove nodes', async t => {
    const view = await openZooKeeper(t)
    const root = `/test-${uniqueGroup()}`
    await view.write(`${root}/b/c`, 'deep')
    await view.write(`${root}/a`, 'text')
    await view.write(`${root}/a`, 'changed')
    assert.deepEqual(await view.list(root), ['a', 'b'])
    const node = await view.read(`${root}/a`)
    assert.equal(node?.text, 'changed')
    assert.equal(node.version, 2)
    assert.match(node.ephemeralOwner, /^0{16}$/)
    await view.remove(root)
    assert.equal(await view.read(root), undefined)
    assert.deepEqual(await view.list(root), [])
  })

  it('read from the log of ZooKeeper what was changed, in order', async t => {
    const view = await openZooKeeper(t)
    const path = `/test-${uniqueGroup()}`
    await view.write(path, 'one')
    await view.write(path, 'two')
    const { czxid } = (await view.read(path))!
    await view.remove(path)
    const changes = readZooKeeperLog(join(sharedStack().directory, 'zookeeper'))
    const seen = changes.flatMap(change => ('path' in change && change.path === path ? [change] : []))
    assert.deepEqual(
      seen.map(change => [change.type, 'data' in change ? change.data : undefined]),
      [
        ['create', ''],
        ['set', 'one'],
        ['set', 'two'],
        ['delete', undefined],
      ],
    )
    assert.equal(seen[0]!.zxid, BigInt(`0x${czxid}`))
    assert.ok(seen.every(({ atMs }) => Math.abs(atMs - Date.now()) < 60_000))
  })

  it('read committed offsets by partition, -1 where nothing is stored', async t => {
    const view = await openZooKeeper(t)
    const group = uniqueGroup()
    await view.write(`/consumers/${group}/offsets/topic/0`, '17')
    await view.write(`/consumers/${group}/offsets/topic/2`, '4')
    assert.deepEqual(await readOffsets(group, 'topic'), [17, -1, 4])
    assert.deepEqual(await readOffsets(group, 'other'), [])
    assert.match((await view.read('/brokers/ids/0'))!.text, new RegExp(sharedStack().brokers[0]!))
  })
})
